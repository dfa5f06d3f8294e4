//! `bakeoff runs`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bakeoff::{Ended, Server, assert_schema, available, bakeoff, root, run};
use crate::load::{HEALTH, folder_with, run_headless};

/// Runs `bakeoff runs` with the history of a folder.
fn runs_in(folder: &Path, wish: &str) -> Ended {
    let mut args = vec!["runs", "--store", "h.sqlite"];
    args.extend(wish.split(' '));
    run(folder, &args)
}

/// Output of a successful `bakeoff runs`, with single spaces. Fails unless it has every one of `words`.
#[track_caller]
fn says_in(folder: &Path, wish: &str, words: &[&str]) -> String {
    let ended = runs_in(folder, wish);
    ended.expect(0, &[]);
    // A line may break between any two words.
    let text = ended
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for word in words {
        assert!(text.contains(word), "{wish}: no {word} in {ended:#?}");
    }
    text
}

#[test]
fn runs_are_listed_shown_compared_carried_over_and_deleted() {
    let folder = folder_with(HEALTH);
    let server = Server::serve();
    let host = server.url();
    for profile in ["before", "after"] {
        let flags = format!("-q --store h.sqlite --profile {profile}");
        run_headless(folder.path(), &host, &flags).expect(0, &[]);
    }
    let runs = |wish: &str| runs_in(folder.path(), wish);
    let says = |wish: &str, words: &[&str]| says_in(folder.path(), wish, words);
    says("list", &["2 runs", "#before", "#after", "shop", &host]);
    let found = says("list SHOP after", &["1 run;", "#after"]);
    assert!(!found.contains("#before"), "{found}");
    runs("list absent").expect(0, &["no run found"]);
    says("show 1", &["/health", "Aggregated", "99.99"]);
    says(
        "compare 1 2",
        &[
            "1 shop",
            "2 shop",
            "differences in brackets are to run 1",
            "99.9",
            " %)",
        ],
    );
    let record: Value = serde_json::from_str(&says("export 2", &[])).unwrap();
    assert_schema(&record, "run.schema.json");
    runs("export 2 out/two.json").expect(0, &["wrote out/two.json"]);

    runs("import out/two.json").expect(0, &["out/two.json is run 3"]);
    assert_eq!(says("show 3", &[]), says("show 2", &[]));
    runs("rm 3 1").expect(0, &["deleted run 3", "deleted run 1"]);
    let left = says("list", &["1 run;", "#after"]);
    assert!(!left.contains("#before"), "{left}");
}

#[test]
fn what_is_missing_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("no.json"), "{}").unwrap();
    fs::write(
        folder.path().join("no.sqlite"),
        "no database at all, but long enough to be read as one",
    )
    .unwrap();
    let runs = |store: &str, wish: &str| {
        let mut args = vec!["runs", "--store", store];
        args.extend(wish.split(' '));
        run(folder.path(), &args)
    };
    for wish in ["list", "show 1", "rm 1"] {
        runs("h.sqlite", wish).expect(
            2,
            &["cannot open the history h.sqlite", "hint: ", "--store"],
        );
    }
    assert!(!folder.path().join("h.sqlite").exists());
    let wrong = "neither a record of Bakeoff, nor of Locust, k6 or wrk";
    runs("h.sqlite", "import no.json").expect(2, &["cannot import no.json", wrong, "hint: "]);
    runs("h.sqlite", "import no.json none.json --name x").expect(2, &["--name", "one by one"]);
    runs("h.sqlite", "import none.json").expect(2, &["cannot read none.json", "hint: "]);
    copy_samples(folder.path());
    runs("h.sqlite", "import wrk_latency.txt").expect(0, &["run 1"]);
    for wish in ["show 7", "export 7", "compare 7 8", "rm 7"] {
        runs("h.sqlite", wish).expect(2, &["there is no run 7", "bakeoff runs list"]);
    }
    runs("h.sqlite", "compare 7").expect(2, &["RUN"]);
    runs("no.sqlite", "list").expect(3, &["cannot use the history no.sqlite", "hint: "]);
}

/// Files of other programs.
const SAMPLES: &str = "crates/history/tests/fixtures/import";

fn copy_samples(folder: &Path) {
    for sample in fs::read_dir(root().join(SAMPLES)).unwrap() {
        let sample = sample.unwrap();
        fs::copy(sample.path(), folder.join(sample.file_name())).unwrap();
    }
}

#[test]
fn files_of_other_programs_are_imported_as_coarse_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    copy_samples(folder.path());
    let runs = |wish: &str| runs_in(folder.path(), wish);
    let says = |wish: &str, words: &[&str]| says_in(folder.path(), wish, words);
    let files = "locust_stats.csv locust.json k6_summary_export.json wrk_latency.txt";
    let coarse = "k6_summary_export.json is run 3, coarse: imported from k6 summary; percentiles between the known ones";
    runs(&format!("import {files}")).expect(0, &["locust_stats.csv is run 1", coarse, "run 4"]);
    runs("import wrk_timeouts.txt --name tired").expect(0, &["run 5"]);
    says(
        "list",
        &[
            "5 runs",
            "coarse: k6 summary",
            "coarse: wrk text",
            "tired",
            "2026-11-25T03:47:25Z",
        ],
    );
    says(
        "show 1",
        &[
            "imported from Locust CSV",
            "/flaky",
            "500 Server Error",
            "59.0",
        ],
    );
    says("show 2", &["rounded to two significant digits by Locust"]);
    says(
        "show 3",
        &[
            "coarse: imported from k6 summary;",
            "214",
            "–",
            "Started: –",
        ],
    );
    let compared = says(
        "compare 1 3 4 --html out/c.html --markdown out/c.md",
        &[
            "not interleaved",
            "no verdict",
            "run 3 / run 1",
            "differences in brackets are to run 1",
        ],
    );
    assert!(compared.contains("not known for run"), "{compared}");
    let page = fs::read_to_string(folder.path().join("out/c.html")).unwrap();
    assert!(page.contains("not interleaved"), "{page}");
    let markdown = fs::read_to_string(folder.path().join("out/c.md")).unwrap();
    assert!(markdown.contains("| p99 (ms) | 64.0"), "{markdown}");
    runs("export 3").expect(2, &["run 3: it is coarse", "keep the file"]);
    runs("import locust_failures.csv")
        .expect(2, &["locust_failures.csv", "beside Locust's statistics"]);
    fs::write(
        folder.path().join("bad.txt"),
        "Running 3s test @ http://x\n",
    )
    .unwrap();
    runs("import bad.txt").expect(2, &["cannot import bad.txt", "wrk text", "requests in"]);
    says("list", &["5 runs"]);
}

/// Runs `bakeoff runs` in `folder`, bound by permissions even where the tests run as root.
fn unprivileged(folder: &Path, wish: &str) -> Result<Ended, String> {
    let mut args = vec!["runs", "--store", "h.sqlite"];
    args.extend(wish.split(' '));
    let plain = bakeoff(&args);
    let mut command = Command::new("setpriv");
    let capabilities = "-dac_override,-dac_read_search";
    command
        .args(["--bounding-set", capabilities, "--inh-caps", capabilities])
        .arg(plain.get_program())
        .args(plain.get_args())
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(folder);
    let output = command.output();
    output.map(Ended::of).map_err(|error| error.to_string())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_read_only_history_is_read_and_not_changed() {
    let found = Command::new("setpriv").arg("--version").output();
    if !available(
        "setpriv",
        found.map(|_| ()).map_err(|error| error.to_string()),
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copy_samples(folder);
    let record = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../analysis/tests/fixtures/run-v1.json"
    );
    runs_in(folder, &format!("import {record} wrk.txt")).expect(0, &["run 1", "run 2"]);
    let file = folder.join("h.sqlite");
    let reading = ["list", "show 1", "compare 1 2", "export 1"];
    let before = reading.map(|wish| says_in(folder, wish, &[]));
    let (bytes, files) = (
        fs::read(&file).unwrap(),
        fs::read_dir(folder).unwrap().count(),
    );
    for (of_file, of_folder) in [(0o444, 0o755), (0o644, 0o555), (0o444, 0o555)] {
        set_mode(&file, of_file);
        set_mode(folder, of_folder);
        let said = reading.map(|wish| unprivileged(folder, wish).unwrap());
        let refused = ["rm 1", "import wrk.txt"].map(|wish| unprivileged(folder, wish).unwrap());
        set_mode(folder, 0o755);
        for (said, before) in said.iter().zip(&before) {
            said.expect(0, &[]);
            let words: Vec<_> = said.stdout.split_whitespace().collect();
            assert_eq!(words.join(" "), *before, "{of_file:o} {of_folder:o}");
        }
        for refused in refused {
            let hint = "hint: make the file and its folder writable";
            refused.expect(3, &["cannot write to the history h.sqlite", hint]);
        }
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert_eq!(fs::read_dir(folder).unwrap().count(), files);
    }
}
