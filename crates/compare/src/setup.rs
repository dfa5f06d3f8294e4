//! The commands that make a contender ready to be started: run once, and again when what they name has changed.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::command::{Captured, Ended, Limits, run_to_end};
use crate::contender::log::short;
use crate::contender::process::command;
use crate::contender::{Missing, Preparation};
use crate::file::ContenderConfig;
use crate::lock::shown;
use crate::manifest::hexadecimal;

/// Time after the end of a step until its remaining processes count as left running.
const SETTLING: Duration = Duration::from_millis(500);
/// How many lines of a step that failed are shown.
const SHOWN_LINES: usize = 8;

/// Result of a set-up.
#[derive(Debug, Default)]
pub(crate) struct SetUp {
    /// `true` if it was run now, and not by an earlier experiment.
    pub(crate) was_run: bool,
    /// Its steps that have left something running, such as a database. That is ended with this.
    left: Vec<Ended>,
}

/// Runs the set-up of `config` unless it was done with the same commands and the same files.
pub(crate) fn run(
    config: &ContenderConfig,
    preparation: &mut Preparation<'_>,
) -> Result<SetUp, Missing> {
    let done = std::fs::read_to_string(stamp(config)).unwrap_or_default();
    if config.setup.is_empty() || done.trim() == fingerprint(config) {
        return Ok(SetUp::default());
    }
    run_steps(config, preparation)
}

/// Runs the set-up of `config` although it was done before, because of what is `missing` all the same.
pub(crate) fn run_again(
    config: &ContenderConfig,
    preparation: &mut Preparation<'_>,
    missing: Missing,
) -> Result<SetUp, Missing> {
    if config.setup.is_empty() {
        return Err(missing);
    }
    run_steps(config, preparation)
}

fn run_steps(
    config: &ContenderConfig,
    preparation: &mut Preparation<'_>,
) -> Result<SetUp, Missing> {
    let stamp = stamp(config);
    // A set-up that fails half-way must not look like the one before it.
    let _ = std::fs::remove_file(&stamp);
    let mut left = Vec::new();
    for words in &config.setup {
        let line = words.join(" ");
        (preparation.step)(&line);
        let mut ended = run_step(words, &config.directory, preparation.stop)?;
        if !ended.family.gone_within(SETTLING) {
            (preparation.step)(&format!(
                "`{line}` has left something running, which ends with the experiment; the next one runs the set-up again"
            ));
            left.push(ended);
        }
    }
    let set_up = SetUp {
        was_run: true,
        left,
    };
    // Processes that are running now will be gone the next time.
    if !set_up.left.is_empty() {
        return Ok(set_up);
    }
    match std::fs::write(&stamp, fingerprint(config)) {
        Ok(()) => Ok(set_up),
        Err(error) => Err(Missing {
            reason: format!("cannot write {}: {error}", stamp.display()),
            remedy: "make the folder writable".into(),
        }),
    }
}

fn run_step(
    words: &[String],
    directory: &Path,
    stop: &CancellationToken,
) -> Result<Ended, Missing> {
    let line = words.join(" ");
    let limits = Limits { time: None, stop };
    let ended = run_to_end(
        command(words, directory),
        Captured::StdoutAndStderr,
        &limits,
    )
    .map_err(|error| Missing {
        reason: format!("its set-up `{line}` cannot run: {error}"),
        remedy: format!("install `{}`", words[0]),
    })?;
    if ended.status.success() {
        return Ok(ended);
    }
    let said = ended.said.read().unwrap_or_default();
    let (status, why) = (ended.status, last_words(&said));
    Err(Missing {
        reason: format!("its set-up `{line}` failed ({status}): {why}"),
        remedy: format!(
            "run it by hand in {} to see all of its output",
            shown(directory).display()
        ),
    })
}

/// What a failed command said at last, on one line: from the first of these lines that calls itself an error.
fn last_words(said: &str) -> String {
    // pip ends with an offer of its newest version, whatever happened.
    let is_useful = |line: &&str| !line.is_empty() && !line.starts_with("[notice]");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(is_useful).collect();
    let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    let is_error = |line: &&str| line.to_ascii_lowercase().starts_with("error");
    let first = last.iter().position(is_error).unwrap_or(0);
    let shown: Vec<String> = last[first..].iter().map(|line| short(line)).collect();
    match shown.join(" ") {
        nothing if nothing.is_empty() => "it said nothing".to_owned(),
        words => words,
    }
}

/// How the names of the files begin that tell what was set up.
pub(crate) const STAMP_PREFIX: &str = ".bakeoff-setup-";

/// Lies in the contender's folder and holds the fingerprint of its last set-up that succeeded.
fn stamp(config: &ContenderConfig) -> PathBuf {
    config
        .directory
        .join(format!("{STAMP_PREFIX}{}", config.name))
}

/// A hash over the folder, the commands and the content of every file that they name.
fn fingerprint(config: &ContenderConfig) -> String {
    let mut hash = Sha256::new();
    // Environments of Python hold absolute paths, so that one that was moved has to be made again.
    // Whichever way an experiment file reaches the folder, it is the same one, with the same stamp.
    if let Ok(directory) = config.directory.join(".").canonicalize() {
        hash.update(directory.as_os_str().as_encoded_bytes());
    }
    for words in &config.setup {
        for word in words {
            hash.update(word.as_bytes());
            hash.update([0]);
            let file = named_file(word, &config.directory);
            if let Some(content) = file.and_then(|path| std::fs::read(path).ok()) {
                hash.update(content);
            }
        }
        hash.update([1]);
    }
    hexadecimal(&hash.finalize())
}

/// The input file that a word of a command names. Hidden folders, such as `.venv`, hold what the commands themselves make.
fn named_file(word: &str, directory: &Path) -> Option<PathBuf> {
    let path = directory.join(word);
    (!is_in_hidden_folder(Path::new(word)) && path.is_file()).then_some(path)
}

fn is_in_hidden_folder(path: &Path) -> bool {
    let mut components = path
        .components()
        .skip_while(|part| *part == Component::CurDir);
    let first = components.next();
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    matches!(first, Some(Component::Normal(name)) if is_hidden(name)) && components.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_up_that_fails_in_the_current_folder_names_the_folder() {
        let stop = CancellationToken::new();
        let failed = run_step(&["false".to_owned()], Path::new(""), &stop).unwrap_err();
        let here = std::env::current_dir().unwrap();
        let expected = format!("run it by hand in {} to", here.display());
        assert!(failed.remedy.starts_with(&expected), "{}", failed.remedy);
    }

    #[test]
    fn inputs_are_all_files_but_those_in_hidden_folders() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("contender");
        std::fs::create_dir_all(directory.join(".venv/bin")).unwrap();
        for file in [
            "requirements.txt",
            "contender/install.sh",
            "contender/.env",
            "contender/.venv/bin/pip",
        ] {
            std::fs::write(folder.path().join(file), "content").unwrap();
        }
        for (word, is_input) in [
            ("install.sh", true),
            ("./install.sh", true),
            (".env", true),
            ("../requirements.txt", true),
            (".venv/bin/pip", false),
            ("./.venv/bin/pip", false),
            (".venv", false),
            ("-r", false),
        ] {
            assert_eq!(named_file(word, &directory).is_some(), is_input, "{word}");
        }
    }

    #[test]
    fn last_words_are_those_that_explain() {
        for (said, words) in [
            ("", "it said nothing"),
            (
                "Collecting a\nERROR: No matching distribution found for a\n\n\
                [notice] A new release of pip is available: 23.0 -> 25.1\n[notice] To update, run: pip install\n",
                "ERROR: No matching distribution found for a",
            ),
            (
                "The environment was not created because ensurepip is not\navailable.\n\n    apt install python3-venv\n",
                "The environment was not created because ensurepip is not available. apt install python3-venv",
            ),
            ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "2 3 4 5 6 7 8 9"),
        ] {
            assert_eq!(last_words(said), words);
        }
    }
}
