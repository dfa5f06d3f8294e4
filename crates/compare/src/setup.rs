//! The commands that make a contender ready to be started: run once, and again when what they name has changed.

use std::fmt::Write;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::contender::process::command;
use crate::contender::{Missing, Preparation};
use crate::file::ContenderConfig;

/// How often a running step is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Runs the set-up of `config` unless it was done with the same commands and the same files.
/// Returns whether it was run.
pub(crate) fn run(
    config: &ContenderConfig,
    preparation: &mut Preparation<'_>,
) -> Result<bool, Missing> {
    let done = std::fs::read_to_string(stamp(config)).unwrap_or_default();
    if config.setup.is_empty() || done.trim() == fingerprint(config) {
        return Ok(false);
    }
    run_steps(config, preparation).map(|()| true)
}

/// Runs the set-up of `config` although it was done before, because of what is `missing` all the same.
pub(crate) fn run_again(
    config: &ContenderConfig,
    preparation: &mut Preparation<'_>,
    missing: Missing,
) -> Result<(), Missing> {
    if config.setup.is_empty() {
        return Err(missing);
    }
    run_steps(config, preparation)
}

fn run_steps(config: &ContenderConfig, preparation: &mut Preparation<'_>) -> Result<(), Missing> {
    let stamp = stamp(config);
    // A set-up that fails half-way must not look like the one before it.
    let _ = std::fs::remove_file(&stamp);
    for words in &config.setup {
        (preparation.step)(&words.join(" "));
        run_step(words, &config.directory, preparation.stop)?;
    }
    std::fs::write(&stamp, fingerprint(config)).map_err(|error| Missing {
        reason: format!("cannot write {}: {error}", stamp.display()),
        remedy: "make the folder writable".into(),
    })
}

fn run_step(words: &[String], directory: &Path, stop: &CancellationToken) -> Result<(), Missing> {
    let line = words.join(" ");
    let (status, said) = run_to_end(words, directory, stop).map_err(|error| Missing {
        reason: format!("its set-up `{line}` cannot run: {error}"),
        remedy: format!("install `{}`", words[0]),
    })?;
    if status.success() {
        return Ok(());
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.unwrap_or("it said nothing").trim();
    Err(Missing {
        reason: format!("its set-up `{line}` failed ({status}): {last}"),
        remedy: format!(
            "run it by hand in {} to see all of its output",
            directory.display()
        ),
    })
}

/// Runs a command to its end, or until `stop` is cancelled, and returns what it wrote to stderr.
fn run_to_end(
    words: &[String],
    directory: &Path,
    stop: &CancellationToken,
) -> std::io::Result<(ExitStatus, String)> {
    let mut said = tempfile::tempfile()?;
    let mut child = command(words, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone()?)
        .process_group(0)
        .spawn()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Some(group) = group.filter(|_| stop.is_cancelled()) {
            let _ = kill_process_group(group, Signal::KILL);
            break child.wait()?;
        }
        std::thread::sleep(POLL);
    };
    Ok((status, read_all(&mut said)?))
}

fn read_all(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Lies in the contender's folder and holds the fingerprint of its last set-up that succeeded.
fn stamp(config: &ContenderConfig) -> PathBuf {
    config
        .directory
        .join(format!(".bakeoff-setup-{}", config.name))
}

/// A hash over the folder, the commands and the content of every file that they name.
fn fingerprint(config: &ContenderConfig) -> String {
    let mut hash = Sha256::new();
    // Environments of Python hold absolute paths, so that one that was moved has to be made again.
    if let Ok(directory) = std::path::absolute(&config.directory) {
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
    let digest = hash.finalize();
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The input file that a word of a command names. Hidden folders hold what the commands themselves make.
fn named_file(word: &str, directory: &Path) -> Option<PathBuf> {
    let path = directory.join(word);
    (!word.starts_with('.') && path.is_file()).then_some(path)
}
