//! Facts about a contender for the report: versions, hashes and environment variables.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use bakeoff_load::with_causes;
use bakeoff_record::Fact;
use tokio_util::sync::CancellationToken;

use crate::contender::{ContenderConfig, OwnPathError, fill};
use crate::hash;
use crate::plain::plain;
use crate::process::command::{Captured, Limits, NotEnded, command, run_to_end};

mod files;

/// Environment variables that set the number of threads of common libraries.
const THREAD_SETTINGS: [&str; 7] = [
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ORT_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
    "WEB_CONCURRENCY",
];

/// Parts of the names of variables and fields whose values are never shown.
const SECRET: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];

/// Time limit of a `version` command.
const VERSION_TIME: Duration = Duration::from_secs(20);

/// Most characters of a version that are kept.
const VERSION_CHARS: usize = 200;

/// Origin of the environment variables of a contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// The environment of this process, and the variables of the contender.
    Inherited,
    /// The variables of the contender alone.
    OfItsOwn,
}

/// Facts about the contender of `config` that every kind of contender has. Cancelling `stop` ends the version command.
pub(crate) fn of(
    config: &ContenderConfig,
    environment: Environment,
    stop: &CancellationToken,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(words) = &config.version {
        let version = version(words, &config.directory, stop);
        facts.push(fact(
            "version",
            version.unwrap_or_else(|error| with_causes(&error)),
        ));
    }
    for file in &config.files {
        let name = file.file_name().map_or_else(
            || file.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let hash = hash::of_file_in_words(file);
        facts.push(fact(&format!("SHA-256 of {name}"), hash));
    }
    if config.has_directory {
        let hash = files::of_directory(&config.directory, files::LIMITS);
        facts.push(fact("SHA-256 of the directory", hash));
    }
    for name in THREAD_SETTINGS {
        let inherited = std::env::var(name).ok();
        let inherited = inherited.filter(|_| environment == Environment::Inherited);
        if let Some(value) = inherited.filter(|_| !config.env.contains_key(name)) {
            facts.push(fact(name, format!("{value} (inherited)")));
        }
    }
    let of_env = config.env.iter();
    facts.extend(of_env.map(|(name, value)| fact(name, of_variable(config, name, value))));
    facts
}

/// SHA-256 hashes of the files that words of a command line name, alone or after a `=`. Paths are relative to the
/// directory of the contender. Files in `files` of the contender are left out, since [`of`] has them.
pub(crate) fn named_by(words: &[String], config: &ContenderConfig) -> Vec<Fact> {
    let mut known: Vec<PathBuf> = config.files.iter().filter_map(canonical).collect();
    let mut facts = Vec::new();
    for word in words {
        let Ok(word) = fill(word, "0") else { continue };
        let after_equals = word.split_once('=').map(|(_, value)| value);
        let named = [Some(word.as_str()), after_equals].into_iter().flatten();
        for name in named {
            let path = config.directory.join(name);
            if !path.is_file() {
                continue;
            }
            let Some(path) = canonical(&path).filter(|path| !known.contains(path)) else {
                continue;
            };
            let hash = hash::of_file_in_words(&path);
            facts.push(fact(&format!("SHA-256 of {name}"), hash));
            known.push(path);
        }
    }
    facts
}

fn canonical(path: impl AsRef<Path>) -> Option<PathBuf> {
    path.as_ref().canonicalize().ok()
}

/// Value of an environment variable for the report: the value itself if it is public, and otherwise a hash.
/// Equal values have equal hashes within one report. The hash has a random key, so that nobody can guess values by it.
fn of_variable(config: &ContenderConfig, name: &str, value: &str) -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    if config.public_env.contains(name) || THREAD_SETTINGS.contains(&name) {
        return value.to_owned();
    }
    if is_secret(name) {
        return "set, and not shown".to_owned();
    }
    format!("not shown, hash {:016x}", KEY.hash_one(value))
}

/// `true` if the value of a variable or field with this name may be a password or a key.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// A fact with its text on one line and with escape sequences written out.
pub(crate) fn fact(name: &str, value: String) -> Fact {
    Fact {
        name: on_one_line(name),
        value: on_one_line(value),
    }
}

fn on_one_line(text: impl AsRef<str>) -> String {
    plain(text.as_ref().replace(['\n', '\t'], " "))
}

/// Reason why a `version` command tells no version.
#[derive(Debug, thiserror::Error)]
enum VersionError {
    #[error(transparent)]
    OwnPath(#[from] OwnPathError),
    #[error("cannot start `{program}`")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{command}`")]
    NotEnded {
        command: String,
        #[source]
        source: NotEnded,
    },
    #[error("cannot read from `{program}`")]
    Read {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{command}` printed nothing")]
    Empty { command: String },
}

/// First line that a `version` command prints. Processes that the command leaves running are ended.
fn version(
    words: &[String],
    directory: &Path,
    stop: &CancellationToken,
) -> Result<String, VersionError> {
    let filled = words.iter().map(|word| fill(word, "0"));
    let filled: Vec<String> = filled.collect::<Result<_, _>>()?;
    let limits = Limits {
        time: Some(VERSION_TIME),
        stop,
    };
    let program = || words[0].clone();
    let ended = run_to_end(command(&filled, directory), Captured::Stdout, &limits);
    let ended = ended.map_err(|error| match error {
        NotEnded::Start(source) => VersionError::Start {
            program: program(),
            source,
        },
        source @ (NotEnded::Stopped | NotEnded::Late { .. }) => VersionError::NotEnded {
            command: words.join(" "),
            source,
        },
    })?;
    let text = ended.output.read().map_err(|source| VersionError::Read {
        program: program(),
        source,
    })?;
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.ok_or_else(|| VersionError::Empty {
        command: words.join(" "),
    })?;
    Ok(line.trim().chars().take(VERSION_CHARS).collect())
}

#[cfg(test)]
mod tests;
