use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn folder_of(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "abc").unwrap();
    }
    folder
}

const HASH_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn facts_of(config: &ContenderConfig) -> Vec<(String, String)> {
    let facts = of(config, Environment::OfItsOwn, &CancellationToken::new()).into_iter();
    facts.map(|fact| (fact.name, fact.value)).collect()
}

#[test]
fn versions_hashes_and_environment_are_known() {
    let folder = folder_of(&["model.bin"]);
    let env = [
        ("THREADS", "2"),
        ("HF_TOKEN", "hush"),
        ("RAYON_NUM_THREADS", "3"),
        ("MY_DSN", "db://a:hush@b"),
        ("SAME_DSN", "db://a:hush@b"),
        ("OTHER_DSN", "hush"),
    ];
    let facts = facts_of(&ContenderConfig {
        version: Some(words(["sh", "-c", "echo; echo it 1.2"])),
        files: vec![
            folder.path().join("model.bin"),
            "nowhere".into(),
            "/dev/zero".into(),
        ],
        env: BTreeMap::from(env.map(|(name, value)| (name.to_owned(), value.to_owned()))),
        public_env: BTreeSet::from(["THREADS".to_owned()]),
        ..ContenderConfig::example(Path::new(""))
    });
    let value = |name: &str| {
        let fact = facts.iter().find(|(other, _)| other == name);
        fact.map(|(_, value)| value.as_str()).unwrap()
    };
    assert_eq!(value("version"), "it 1.2");
    assert_eq!(value("SHA-256 of model.bin"), HASH_OF_ABC);
    assert!(value("SHA-256 of nowhere").starts_with("not readable"));
    assert_eq!(
        value("SHA-256 of zero"),
        "not readable: it is not a regular file"
    );
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
fn a_version_command_that_fails_leaves_its_reason() {
    let facts_with = |command: Vec<String>| {
        facts_of(&ContenderConfig {
            version: Some(command),
            ..ContenderConfig::example(Path::new(""))
        })
    };
    assert_eq!(facts_with(words(["true"]))[0].1, "`true` printed nothing");
    let facts = facts_with(words(["/no/such/program"]));
    assert!(facts[0].1.starts_with("cannot start `/no"), "{facts:?}");
}

#[test]
fn words_that_name_files_are_hashed_once() {
    let folder = folder_of(&["app.py", "settings.toml", "model.bin", "sub/x"]);
    let config = ContenderConfig {
        files: vec![folder.path().join("model.bin")],
        ..ContenderConfig::example(folder.path())
    };
    let command = words([
        "./app.py",
        "app.py",
        "--config=settings.toml",
        "model.bin",
        "sub",
        "{port}",
        "nowhere",
        "",
        "--x=",
    ]);
    let facts = named_by(&command, &config);
    let names: Vec<&str> = facts.iter().map(|fact| fact.name.as_str()).collect();
    assert_eq!(names, ["SHA-256 of ./app.py", "SHA-256 of settings.toml"]);
    assert_eq!(facts[0].value, HASH_OF_ABC);
}

#[test]
fn only_a_directory_that_is_given_is_hashed() {
    let folder = folder_of(&["service/app.py"]);
    let names = |has_directory| {
        let facts = facts_of(&ContenderConfig {
            has_directory,
            ..ContenderConfig::example(&folder.path().join("service"))
        });
        facts.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(false), [""; 0]);
    assert_eq!(names(true), ["SHA-256 of the directory"]);
}
