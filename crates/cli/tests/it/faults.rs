//! What goes wrong with a whole experiment, from outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bakeoff::{Ended, Server, available, bakeoff, run};
use crate::compare::{NATIVE, experiment, record};

#[test]
fn a_full_disk_takes_one_report_and_no_other() {
    let folder = experiment(NATIVE);
    let full = run(
        folder.path(),
        &["compare", "--blocks", "1", "--json", "/dev/full"],
    );
    full.expect(
        3,
        &[
            "cannot write /dev/full",
            "No space left on device",
            "report.html",
        ],
    );
    assert!(full.stdout.contains("native"), "{full:?}");
    assert!(folder.path().join("report.html").exists());
    let full = run(
        folder.path(),
        &[
            "compare",
            "--blocks",
            "1",
            "--html",
            "/dev/full",
            "--json",
            "out.json",
        ],
    );
    full.expect(3, &["cannot write /dev/full"]);
    assert_eq!(record(folder.path())["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn every_file_that_a_full_disk_takes_is_named() {
    let folder = experiment(NATIVE);
    let at = |path: &str| folder.path().join(path);
    fs::create_dir(at("svg")).unwrap();
    let full = ["full.json", "full.csv", "full.xml", "svg/percentiles.svg"];
    for path in full {
        symlink("/dev/full", at(path)).unwrap();
    }
    fs::write(at("file"), "").unwrap();
    let mut args = vec!["compare", "--blocks", "1"];
    args.extend([
        "--json",
        "full.json",
        "--csv",
        "full.csv",
        "--junit",
        "full.xml",
    ]);
    args.extend(["--svg", "svg", "--png", "file", "--markdown", "whole.md"]);
    let ended = run(folder.path(), &args);
    ended.expect(3, &["cannot write file: "]);
    for path in full {
        let named = format!("cannot write {path}: No space left on device");
        assert_eq!(ended.stderr.matches(&named).count(), 1, "{ended:#?}");
    }
    for whole in ["whole.md", "report.html"] {
        assert!(fs::metadata(at(whole)).unwrap().len() > 0, "{ended:#?}");
    }
    let pictures = fs::read_dir(at("svg")).unwrap().map(Result::unwrap);
    let pictures = pictures.filter(|entry| entry.file_type().unwrap().is_file());
    assert!(pictures.count() > 1, "{ended:#?}");
    assert_eq!(
        ended.stderr.matches("cannot write ").count(),
        5,
        "{ended:#?}"
    );
}

#[test]
fn every_file_of_a_load_that_a_full_disk_takes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = "[load]\nusers = 1\nrun_time = \"1s\"\n[[task]]\npath = \"/health\"\n";
    fs::write(folder.path().join("s.toml"), scenario).unwrap();
    let full = [
        "full.json",
        "full.html",
        "c_stats.csv",
        "c_failures.csv",
        "c_stats_history.csv",
    ];
    for path in full {
        symlink("/dev/full", folder.path().join(path)).unwrap();
    }
    let server = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let host = server.url();
    let mut args = vec!["swarm", "--headless", "-q", "-f", "s.toml", "-H", &host];
    args.extend(["--record", "full.json", "--html", "full.html", "--csv", "c"]);
    args.extend(["--markdown", "whole.md"]);
    let ended = run(folder.path(), &args);
    ended.expect(3, &[]);
    for path in full {
        let named = format!("cannot write {path}: No space left on device");
        assert_eq!(ended.stderr.matches(&named).count(), 1, "{ended:#?}");
    }
    assert!(folder.path().join("whole.md").exists());
    assert!(folder.path().join("c_exceptions.csv").exists());
}

/// A control group that may use so much of a core, until it is dropped.
struct Quota(PathBuf);

impl Quota {
    /// `None` where this process may not make one.
    fn new(percent: u32) -> Option<Self> {
        let name = format!("bakeoff-test-{}", std::process::id());
        let (first, second) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
        let microseconds = percent * 1000;
        let make = |parent: &Path, file: &str, limit: String| {
            let folder = parent.join(&name);
            fs::create_dir(&folder).ok()?;
            let quota = Self(folder);
            fs::write(quota.0.join(file), limit).ok()?;
            Some(quota)
        };
        make(first, "cpu.cfs_quota_us", microseconds.to_string())
            .or_else(|| make(second, "cpu.max", format!("{microseconds} 100000")))
    }

    /// Runs `command` in it.
    fn output(&self, command: &Command) -> Ended {
        let mut inside = Command::new("sh");
        inside
            .arg("-c")
            .arg("echo $$ > \"$0/cgroup.procs\" && exec \"$@\"")
            .arg(&self.0)
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        Ended::of(inside.output().unwrap())
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_starved_generator_gives_no_verdict_but_that_it_was_starved() {
    let quota = Quota::new(10);
    let found = quota.as_ref().map(|_| ());
    let found = found.ok_or_else(|| "this user may not make a control group".to_owned());
    if !available("cgroup", found) {
        return;
    }
    let quota = quota.unwrap();
    // They run outside of the quota.
    let one = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let two = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let contender = |name: &str, server: &Server| {
        format!(
            "[[contender]]\nname = \"{name}\"\nurl = \"{}\"\n",
            server.url()
        )
    };
    let folder = experiment(&(contender("one", &one) + &contender("two", &two)));
    // The least work per request that there is, so that the generator is what limits it.
    let scenario =
        "name = \"ready\"\n[load]\nusers = 20\nspawn_rate = 100\n[[task]]\npath = \"/ready\"\n";
    fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
    let mut command = bakeoff(&[
        "compare",
        "--quick",
        "--measure",
        "500ms",
        "--json",
        "out.json",
    ]);
    command.current_dir(folder.path());
    let ended = quota.output(&command);
    ended.expect(0, &["report.html"]);
    let record = record(folder.path());
    let verdict = &record["derived"]["results"][1]["verdict"];
    assert_eq!(verdict["verdict"], "not_measurable", "{verdict}");
    let obstacle = verdict["obstacle"].as_str().unwrap();
    // It is the limit where it runs, and stands still for most of the time where the machine is busy besides.
    assert!(obstacle.contains("the load generator"), "{obstacle}");
}
