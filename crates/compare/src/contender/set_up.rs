//! Set-up commands of a contender. They run once, and again when a command or a file that it names has changed.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::contender::{ContenderConfig, Missing, Preparation};
use crate::hash::hexadecimal;
use crate::plain::full_path;
use crate::process::command::{Captured, Ended, Limits, command, run_to_end};
use crate::process::log::short;

/// Time after the end of a step until its remaining processes count as left running.
const SETTLING: Duration = Duration::from_millis(500);
/// Lines that are shown of the output of a failed step.
const SHOWN_LINES: usize = 8;

/// Result of a set-up.
#[derive(Debug, Default)]
pub(crate) struct SetUp {
    /// `true` if the commands ran now, and not for an earlier experiment.
    pub(crate) was_run: bool,
    /// Steps that have left a process running, such as a database. Their drop ends it.
    left: Vec<Ended>,
}

/// Runs the set-up of `config` unless it was done before with the same commands and the same files.
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

/// Runs the set-up of `config` again, because a tool is `missing` although the set-up was done before.
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
    // After a set-up that fails half-way, the stamp of the one before would be wrong.
    let _ = std::fs::remove_file(&stamp);
    let mut left = Vec::new();
    for words in &config.setup {
        let line = words.join(" ");
        (preparation.step)(&line);
        let mut ended = run_step(words, &config.directory, preparation.stop)?;
        if !ended.tree.gone_within(SETTLING) {
            (preparation.step)(&format!(
                "`{line}` has left a process running, which ends with the experiment; the next experiment runs the set-up again"
            ));
            left.push(ended);
        }
    }
    let set_up = SetUp {
        was_run: true,
        left,
    };
    // No stamp: the processes that are running now end with this experiment.
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
    let output = ended.output.read().unwrap_or_default();
    let (status, why) = (ended.status, last_words(&output));
    Err(Missing {
        reason: format!("its set-up `{line}` failed ({status}): {why}"),
        remedy: format!(
            "run it by hand in {} to see all of its output",
            full_path(directory).display()
        ),
    })
}

/// Last lines of the output of a failed command, on one line, from the first that begins with `error`.
fn last_words(output: &str) -> String {
    // pip always ends with a notice of its newest version.
    let is_useful = |line: &&str| !line.is_empty() && !line.starts_with("[notice]");
    let lines: Vec<&str> = output.lines().map(str::trim).filter(is_useful).collect();
    let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    let is_error = |line: &&str| line.to_ascii_lowercase().starts_with("error");
    let first = last.iter().position(is_error).unwrap_or(0);
    let shown: Vec<String> = last[first..].iter().map(|line| short(line)).collect();
    match shown.join(" ") {
        nothing if nothing.is_empty() => "it printed nothing".to_owned(),
        words => words,
    }
}

/// Prefix of the names of stamps, the files that record a set-up.
pub(crate) const STAMP_PREFIX: &str = ".bakeoff-setup-";

/// Path of the stamp, a file in the folder of the contender with the fingerprint of its last successful set-up.
fn stamp(config: &ContenderConfig) -> PathBuf {
    config
        .directory
        .join(format!("{STAMP_PREFIX}{}", config.name))
}

/// Hash over the folder, the commands and the content of every file that they name.
fn fingerprint(config: &ContenderConfig) -> String {
    let mut hash = Sha256::new();
    // A Python environment holds absolute paths, so a moved folder needs a new set-up.
    // The canonical path is the same for every experiment file that names the folder.
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

/// Input file that a word of a command names; `None` for files in hidden folders such as `.venv`, which the commands make.
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
    fn last_words_explain_a_failure() {
        for (output, words) in [
            ("", "it printed nothing"),
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
            assert_eq!(last_words(output), words);
        }
    }
}
