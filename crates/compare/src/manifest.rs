//! What there is to know of a contender beside its command: versions, hashes and environment, so that a report can show
//! where contenders differ.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bakeoff_report::Fact;
use sha2::{Digest, Sha256};

use crate::contender::process;
use crate::file::ContenderConfig;

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

/// What is known of `config`; `inherits` where it has this process's environment.
pub(crate) fn facts(config: &ContenderConfig, inherits: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(words) = &config.version {
        let version = version(words, &config.directory);
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
    for (name, value) in &config.env {
        let value = if is_secret(name) {
            "set, and not shown"
        } else {
            value
        };
        facts.push(fact(name, value.to_owned()));
    }
    facts
}

/// `true` if what is called `name` may be a password or a key.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET.iter().any(|part| name.contains(part))
}

pub(crate) fn fact(name: &str, value: String) -> Fact {
    Fact {
        name: name.to_owned(),
        value,
    }
}

/// The SHA-256 of a file in hexadecimal, or why there is none.
pub(crate) fn hash(path: &Path) -> String {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let read = File::open(path).and_then(|mut file| {
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

/// The first line that a contender's `version` command prints, or why there is none.
fn version(words: &[String], directory: &Path) -> Result<String, String> {
    let filled: Result<Vec<_>, _> = words
        .iter()
        .map(|word| crate::contender::fill(word, "0"))
        .collect();
    let mut child = process::command(&filled?, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", words[0]))?;
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().is_ok_and(|ended| ended.is_none()) {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("`{}` did not end", words.join(" ")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output();
    let output = output.map_err(|error| format!("cannot read from `{}`: {error}", words[0]))?;
    let text = String::from_utf8_lossy(&output.stdout);
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
        let facts = facts(&file.contenders[0], false).into_iter();
        facts.map(|fact| (fact.name, fact.value)).collect()
    }

    #[test]
    fn versions_hashes_and_environment_are_known() {
        let folder = tempfile::TempDir::new().unwrap();
        let model = folder.path().join("model.bin");
        std::fs::write(&model, "abc").unwrap();
        let facts = facts_of(&format!(
            "process = [\"true\"]\nversion = [\"sh\", \"-c\", \"echo; echo it 1.2\"]\nfiles = [{model:?}, \"nowhere\"]\n\
             env = {{ THREADS = \"2\", HF_TOKEN = \"hush\" }}\n"
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
        assert_eq!(value("THREADS"), "2");
        assert_eq!(value("HF_TOKEN"), "set, and not shown");
    }

    #[test]
    fn a_version_that_is_not_told_is_no_obstacle() {
        let facts = facts_of("process = [\"true\"]\nversion = [\"true\"]\n");
        assert_eq!(facts[0].1, "`true` printed nothing");
        let facts = facts_of("process = [\"true\"]\nversion = [\"/no/such/program\"]\n");
        assert!(facts[0].1.starts_with("cannot start"), "{facts:?}");
    }
}
