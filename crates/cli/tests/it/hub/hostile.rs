//! Hubs that mean harm, or are broken.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use super::{
    Answer, Asked, COMMIT, End, Hub, MODEL, WEIGHTS, breaks_off, files_of, honest, nothing, sha256,
};
use crate::bakeoff::{Ended, bakeoff};

const TIMEOUT: (&str, &str) = ("HF_HUB_DOWNLOAD_TIMEOUT", "1");

/// All files and links below a folder.
fn files_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_in(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn etags_never_become_paths_elsewhere() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    let absolute = victim.display().to_string();
    for header in ["etag", "x-linked-etag"] {
        for etag in [
            "../../x",
            &absolute,
            "..",
            "",
            "an-etag",
            &"0".repeat(63),
            &format!("../{}", "0".repeat(37)),
        ] {
            let value = format!("\"{etag}\"");
            let hub = Hub::start("bert", move |_: &Asked, answer: &mut Answer| {
                answer.set(header, &value);
            });
            hub.pull().expect(3, &["ETag", "hash", "hint: "]);
            assert_eq!(files_in(hub.home.path()), [""; 0], "{header}: {etag}");
        }
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "mine");
    assert_eq!(files_in(outside.path()).len(), 1);
}

#[test]
fn commits_are_hashes_and_those_that_were_asked_for() {
    let other = "f".repeat(40);
    for commit in ["../../x", "/tmp/x", "main", &other] {
        let header = commit.to_owned();
        let hub = Hub::start("bert", move |_: &Asked, answer: &mut Answer| {
            answer.set("x-repo-commit", &header);
        });
        hub.pull().expect(3, &["commit", "hint: "]);
        assert_eq!(files_in(hub.home.path()), [""; 0], "{commit}");

        let sha = commit.to_owned();
        hub.set(move |asked: &Asked, answer: &mut Answer| {
            if asked.is_for_model() {
                let body = String::from_utf8(answer.body.clone()).unwrap();
                answer.set_body(body.replace(COMMIT, &sha));
            }
        });
        hub.run(&["model", "pull", MODEL, "--revision", COMMIT], &[])
            .expect(3, &["commit", "hint: "]);
        assert_eq!(files_in(hub.home.path()), [""; 0], "{commit}");
    }
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let elsewhere = Hub::start("bert", |_: &Asked, answer: &mut Answer| {
        // Other hosts do not know the hub's hashes.
        answer.unset("x-repo-commit");
        answer.set("etag", "\"0-1\"");
    });
    let host = elsewhere.endpoint.clone();
    let size = elsewhere.content(WEIGHTS).len().to_string();
    let hash = sha256(&elsewhere.content(WEIGHTS));
    let hub = Hub::start("bert", move |asked: &Asked, answer: &mut Answer| {
        if let Some(path) = asked.path.strip_suffix("?again") {
            let path = path.to_owned();
            let asked = Asked {
                path,
                ..asked.clone()
            };
            *answer = honest(&files_of("bert"), &asked);
        } else if asked.is_for(WEIGHTS) {
            answer.be(302);
            answer.set("x-linked-etag", &format!("\"{hash}\""));
            answer.set("x-linked-size", &size);
            answer.set("location", &format!("{host}{}", asked.path));
        } else if !asked.is_for_model() {
            answer.be(307);
            answer.set("location", &format!("{}?again", asked.path));
        }
    });
    hub.run(&["model", "pull", MODEL], &[("HF_TOKEN", "secret")])
        .expect(0, &[]);
    assert!(
        hub.asked()
            .iter()
            .any(|asked| asked.path.ends_with("?again"))
    );
    for asked in hub.asked() {
        assert_eq!(asked.authorization, "Bearer secret", "{asked:?}");
    }
    let host = elsewhere.endpoint.clone();
    hub.set(move |asked: &Asked, answer: &mut Answer| {
        answer.be(302);
        answer.set("location", &format!("{host}{}", asked.path));
    });
    let again = ["model", "pull", MODEL, "--revision", "refs/pr/1"];
    hub.run(&again, &[("HF_TOKEN", "secret")]).expect(0, &[]);
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    for asked in asked {
        assert_eq!(asked.authorization, "", "{asked:?}");
    }
}

#[test]
fn redirections_end() {
    for (location, said) in [
        (Some("/again"), "redirects more than 10 times"),
        (None, "redirects to nowhere"),
        (Some("file:///etc/passwd"), "redirects from http to file"),
        (Some("http://[bad"), "redirects to"),
    ] {
        for file in ["main", "config.json"] {
            let hub = Hub::start("bert", move |asked: &Asked, answer: &mut Answer| {
                if asked.is_for(file) || asked.is_for("again") {
                    answer.be(302);
                    if let Some(location) = location {
                        answer.set("location", location);
                    }
                }
            });
            hub.pull().expect(3, &[said, "hint: "]);
            assert!((1..=12).contains(&hub.asked().len()), "{:?}", hub.asked());
        }
    }
}

#[test]
fn a_file_takes_no_more_than_its_length() {
    let endless = |asked: &Asked, answer: &mut Answer| {
        if asked.is_for_bytes_of(WEIGHTS) {
            answer.unset("content-length");
            answer.end = End::More(Duration::ZERO);
        }
    };
    let hub = Hub::start("bert", endless);
    let length = hub.content(WEIGHTS).len() as u64;
    hub.pull().expect(3, &["sends more", WEIGHTS, "hint: "]);
    assert!(!hub.blob(WEIGHTS).exists());
    let incomplete = hub.blob(WEIGHTS).with_extension("incomplete");
    assert!(incomplete.metadata().unwrap().len() <= length);

    // Of whatever it says itself, or says differently.
    for (method, name, value, said) in [
        ("GET", "content-length", Some("99999999"), "length"),
        ("HEAD", "content-length", Some("10"), "length"),
        (
            "HEAD",
            "x-linked-size",
            Some("99999999999999999999"),
            "x-linked-size",
        ),
        ("HEAD", "x-linked-size", Some("999999999"), "more than"),
        ("", "content-length", None, "does not say the length"),
    ] {
        let hub = Hub::start("bert", move |asked: &Asked, answer: &mut Answer| {
            if asked.is_for("config.json") && asked.method.contains(method) {
                answer.unset(name);
                if let Some(value) = value {
                    answer.set(name, value);
                }
            }
            // What a GET says of itself has to agree only if the hub said something before.
            if name == "x-linked-size" && asked.is_for_bytes_of("config.json") {
                answer.unset("content-length");
            }
        });
        hub.pull().expect(3, &[said, "hint: "]);
        assert!(!hub.blob("config.json").exists(), "{name} {value:?}");
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    for range in [
        "bytes 1-60000/61464",
        "bytes 9-3/61464",
        "bytes */61464",
        "1",
        "",
    ] {
        let hub = Hub::start("bert", breaks_off);
        hub.pull().expect(3, &[]);
        hub.set(move |asked: &Asked, answer: &mut Answer| {
            if asked.is_for_bytes_of(WEIGHTS) {
                answer.set("content-range", range);
            }
        });
        hub.pull().expect(3, &["hint: "]);
        assert!(!hub.blob(WEIGHTS).exists(), "{range}");
        // A hub that knows no parts sends the whole file.
        hub.set(|asked: &Asked, answer: &mut Answer| {
            if asked.is_for_bytes_of(WEIGHTS) {
                let whole = Asked {
                    range: String::new(),
                    ..asked.clone()
                };
                *answer = honest(&files_of("bert"), &whole);
            }
        });
        hub.pull().expect(0, &[]);
    }
}

#[test]
fn a_hub_that_falls_silent_or_crawls_is_given_up() {
    let silent = |_: &Asked, answer: &mut Answer| {
        let half = answer.body.len() / 2;
        answer.body.truncate(half);
        answer.end = End::Silence;
    };
    let pull = |hub: &Hub| hub.run(&["model", "pull", MODEL], &[TIMEOUT]);
    let hub = Hub::start("bert", silent);
    pull(&hub).expect(3, &["within 1 s", "hint: "]);
    hub.set(|asked: &Asked, answer: &mut Answer| {
        if asked.is_for(WEIGHTS) {
            // No head either.
            (answer.status, answer.end) = (0, End::Silence);
            answer.body.clear();
        }
    });
    pull(&hub).expect(3, &["within 1 s", "hint: "]);
    hub.set(move |asked: &Asked, answer: &mut Answer| {
        if asked.is_for_bytes_of(WEIGHTS) {
            silent(asked, answer);
        }
    });
    pull(&hub).expect(3, &["within 1 s", "hint: "]);
    hub.set(|asked: &Asked, answer: &mut Answer| {
        if asked.is_for_bytes_of(WEIGHTS) {
            answer.body.truncate(1);
            answer.end = End::More(Duration::from_millis(50));
        }
    });
    pull(&hub).expect(3, &["bytes a second", "hint: "]);
    hub.set(nothing);
    // The bytes that crawled in were none of the file's.
    pull(&hub).expect(0, &[]);
    assert_eq!(hub.ranges(WEIGHTS).len(), 2);
}

#[test]
fn nonsense_is_said_to_be_nonsense() {
    type Nonsense = fn(&mut Answer);
    let cases: [(&str, Nonsense, &str); 7] = [
        (
            "main",
            |it| it.set_body("<html>Log in</html>"),
            "does not describe the model",
        ),
        (
            "main",
            |it| it.set_body(r#"{"sha": 7}"#),
            "does not describe the model",
        ),
        (
            "main",
            |it| it.set_body("[".repeat(1 << 20)),
            "does not describe the model",
        ),
        (
            "main",
            |it| it.set_body(" ".repeat(40 << 20)),
            "in more than",
        ),
        (
            "main",
            |it| it.set("x-flood", &"x".repeat(1 << 20)),
            "header",
        ),
        ("main", |it| it.be(503), "status 503"),
        ("config.json", |it| it.unset("etag"), "no ETag"),
    ];
    for (path, nonsense, said) in cases {
        let hub = Hub::start("bert", move |asked: &Asked, answer: &mut Answer| {
            if asked.is_for(path) {
                nonsense(answer);
            }
        });
        let ended = hub.pull();
        ended.expect(3, &[said, &hub.endpoint, "hint: "]);
        assert!(ended.stderr.len() < 1000, "{ended:?}");
        assert_eq!(files_in(hub.home.path()), [""; 0], "{said}");
    }
}

#[test]
fn escape_sequences_of_the_hub_do_not_reach_the_terminal() {
    let hub = Hub::start("roberta", |asked: &Asked, answer: &mut Answer| {
        if asked.is_for_model() {
            let body = String::from_utf8(answer.body.clone()).unwrap();
            answer.set_body(body.replace(COMMIT, r"\u001b[2J\u0007"));
        }
    });
    let ended = hub.pull();
    ended.expect(3, &["commit"]);
    assert!(!ended.stderr.contains(['\x1b', '\x07']), "{ended:?}");
}

#[test]
fn private_and_gated_models_say_what_to_do() {
    let hub = Hub::start("bert", |_: &Asked, answer: &mut Answer| answer.be(401));
    let pull = |variables: &[_]| hub.run(&["model", "pull", MODEL], variables);
    pull(&[]).expect(3, &["401", "set HF_TOKEN"]);
    pull(&[("HF_TOKEN", "wrong")]).expect(3, &["401", "the current token may not"]);
    hub.set(|asked: &Asked, answer: &mut Answer| {
        if !asked.is_for_model() {
            answer.be(403);
            answer.set("x-error-code", "GatedRepo");
        }
    });
    let terms = format!("accept the model's terms at {}/{MODEL}", hub.endpoint);
    pull(&[("HF_TOKEN", "right")]).expect(3, &["403", &terms]);
}

#[test]
fn a_full_disk_leaves_nothing_half_in_place() {
    let hub = Hub::start("bert", nothing);
    // A file may have 16 KiB; the weights have 60.
    let script = r#"trap "" XFSZ; ulimit -f 32; exec "$0" "$@""#;
    let program = bakeoff(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(program.get_program());
    command.args(["model", "pull", MODEL]);
    hub.environment(&mut command);
    let ended = Ended::of(command.output().unwrap());
    let incomplete = hub.blob(WEIGHTS).with_extension("incomplete");
    let name = incomplete.display().to_string();
    ended.expect(3, &[&name, "hint: free disk space"]);
    assert!(!hub.blob(WEIGHTS).exists());
    assert!(!hub.snapshot().join(WEIGHTS).is_symlink());
    assert!(!hub.cache().join("refs").exists());

    let there = incomplete.metadata().unwrap().len();
    hub.set(nothing);
    hub.pull().expect(0, &[]);
    assert_eq!(hub.ranges(WEIGHTS), [format!("bytes={there}-")]);
}

#[test]
fn two_processes_do_not_pull_the_same_file() {
    let hub = Hub::start("bert", nothing);
    // Where Python's library has it, too.
    let locks = hub.home.path().join("hub/.locks/models--ada--tiny");
    fs::create_dir_all(&locks).unwrap();
    let name = hub.blob(WEIGHTS).with_extension("lock");
    let lock = File::create(locks.join(name.file_name().unwrap())).unwrap();
    lock.lock().unwrap();
    hub.pull().expect(3, &["another process", "hint: wait"]);
    assert_eq!(hub.ranges(WEIGHTS).len(), 0);
    lock.unlock().unwrap();
    hub.pull().expect(0, &[]);
}

#[test]
fn a_stored_commit_that_is_none_leads_nowhere() {
    let hub = Hub::start("bert", nothing);
    hub.pull().expect(0, &[]);
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", WEIGHTS] {
        fs::write(folder.path().join(file), hub.content(file)).unwrap();
    }
    let reference = hub.cache().join("refs/main");
    fs::write(reference, folder.path().display().to_string()).unwrap();
    hub.run(&["serve", "--model", MODEL], &[])
        .expect(2, &["bakeoff model pull ada/tiny"]);
}
