//! What there is to know of a contender beside its command: versions, hashes and environment, so that a report can show
//! where contenders differ.

use std::fmt::Write;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{Error, Read};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use bakeoff_record::Fact;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::command::{Captured, Limits, NotEnded, run_to_end};
use crate::contender::process;
use crate::file::ContenderConfig;
use crate::plain::plain;

mod files;

pub(crate) use files::named_by;

/// Variables that decide how many threads a contender's libraries start, whoever set them.
const THREAD_SETTINGS: [&str; 7] = [
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ORT_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
    "WEB_CONCURRENCY",
];

/// Parts of names of variables whose values are nobody's business.
const SECRET: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];

/// How long a contender's `version` command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Characters of a version that are kept.
const VERSION_CHARS: usize = 200;

/// Facts about the contender of `config`; `inherits` is `true` if it has this process's environment. Cancelling `stop` ends it early.
pub(crate) fn facts(
    config: &ContenderConfig,
    inherits: bool,
    stop: &CancellationToken,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(words) = &config.version {
        let version = version(words, &config.directory, stop);
        facts.push(fact("version", version.unwrap_or_else(|why| why)));
    }
    for file in &config.files {
        let name = file.file_name().map_or_else(
            || file.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        facts.push(fact(&format!("SHA-256 of {name}"), hash(file)));
    }
    if config.has_directory {
        let hash = files::of_directory(&config.directory, files::LIMITS);
        facts.push(fact("SHA-256 of the directory", hash));
    }
    for name in THREAD_SETTINGS {
        let inherited = std::env::var(name).ok().filter(|_| inherits);
        if let Some(value) = inherited.filter(|_| !config.env.contains_key(name)) {
            facts.push(fact(name, format!("{value} (inherited)")));
        }
    }
    let of_env = config.env.iter();
    facts.extend(of_env.map(|(name, value)| fact(name, of_variable(config, name, value))));
    facts
}

/// An environment variable's value as the report shows it: itself if it is public, and otherwise a hash that tells it from other
/// values in the same report. The hash has a random key, so that values cannot be tried against it.
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

/// `true` if what is called `name` may be a password or a key.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// A fact, on one line, with what a terminal would obey written out.
pub(crate) fn fact(name: &str, value: String) -> Fact {
    Fact {
        name: on_one_line(name),
        value: on_one_line(value),
    }
}

fn on_one_line(text: impl AsRef<str>) -> String {
    plain(text.as_ref().replace(['\n', '\t'], " "))
}

/// The SHA-256 of a file in hexadecimal, or why there is none.
pub(crate) fn hash(path: &Path) -> String {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let read = std::fs::metadata(path).and_then(|metadata| {
        // A pipe may never be written to, and a device may never end.
        if !metadata.is_file() {
            return Err(Error::other("it is no file"));
        }
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                length => hash.update(&piece[..length]),
            }
        }
    });
    match read {
        Ok(()) => hexadecimal(&hash.finalize()),
        Err(error) => format!("not readable: {error}"),
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first line that a contender's `version` command prints, or why there is none. What the command leaves running is ended.
fn version(words: &[String], directory: &Path, stop: &CancellationToken) -> Result<String, String> {
    let filled: Result<Vec<_>, _> = words
        .iter()
        .map(|word| crate::contender::fill(word, "0"))
        .collect();
    let limits = Limits {
        time: Some(PATIENCE),
        stop,
    };
    let command = process::command(&filled?, directory);
    let ended = run_to_end(command, Captured::Stdout, &limits).map_err(|wrong| match wrong {
        NotEnded::Start(error) => format!("cannot start `{}`: {error}", words[0]),
        NotEnded::Stopped | NotEnded::Late { .. } => format!("`{}`: {wrong}", words.join(" ")),
    })?;
    let text = ended.said.read();
    let text = text.map_err(|error| format!("cannot read from `{}`: {error}", words[0]))?;
    let line = text.lines().find(|line| !line.trim().is_empty());
    let line = line.ok_or_else(|| format!("`{}` printed nothing", words.join(" ")))?;
    Ok(line.trim().chars().take(VERSION_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{ExperimentFile, Launch};

    fn facts_of(contender: &str) -> Vec<(String, String)> {
        let text = format!("scenario = \"s.toml\"\n[[contender]]\nname = \"it\"\n{contender}");
        let file = ExperimentFile::parse(&text, Path::new("bakeoff.toml")).unwrap();
        assert!(matches!(file.contenders[0].launch, Launch::Process(_)));
        let facts = facts(&file.contenders[0], false, &CancellationToken::new()).into_iter();
        facts.map(|fact| (fact.name, fact.value)).collect()
    }

    #[test]
    fn versions_hashes_and_environment_are_known() {
        let folder = tempfile::TempDir::new().unwrap();
        let model = folder.path().join("model.bin");
        std::fs::write(&model, "abc").unwrap();
        let facts = facts_of(&format!(
            "process = [\"true\"]\nversion = [\"sh\", \"-c\", \"echo; echo it 1.2\"]\nfiles = [{model:?}, \"nowhere\", \"/dev/zero\"]\n\
             env = {{ THREADS = \"2\", HF_TOKEN = \"hush\", RAYON_NUM_THREADS = \"3\", MY_DSN = \"db://a:hush@b\", \
             SAME_DSN = \"db://a:hush@b\", OTHER_DSN = \"hush\" }}\npublic_env = [\"THREADS\"]\n"
        ));
        let value = |name: &str| {
            let fact = facts.iter().find(|(other, _)| other == name);
            fact.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(value("version"), "it 1.2");
        assert_eq!(
            value("SHA-256 of model.bin"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(value("SHA-256 of nowhere").starts_with("not readable"));
        assert_eq!(value("SHA-256 of zero"), "not readable: it is no file");
        assert_eq!(value("THREADS"), "2");
        assert_eq!(value("RAYON_NUM_THREADS"), "3");
        assert_eq!(value("HF_TOKEN"), "set, and not shown");
        for name in ["MY_DSN", "SAME_DSN", "OTHER_DSN"] {
            let shown = value(name);
            assert!(
                shown.starts_with("not shown, ") && !shown.contains("hush"),
                "{shown}"
            );
        }
        assert_eq!(value("MY_DSN"), value("SAME_DSN"));
        assert_ne!(value("MY_DSN"), value("OTHER_DSN"));
    }

    #[test]
    fn a_version_that_is_not_told_is_no_obstacle() {
        let facts = facts_of("process = [\"true\"]\nversion = [\"true\"]\n");
        assert_eq!(facts[0].1, "`true` printed nothing");
        let facts = facts_of("process = [\"true\"]\nversion = [\"/no/such/program\"]\n");
        assert!(facts[0].1.starts_with("cannot start"), "{facts:?}");
    }
}
