//! `bakeoff runs`.

use std::fs;

use serde_json::Value;

use crate::bakeoff::{Ended, Server, assert_schema, bakeoff, run};

const SCENARIO: &str = "name = \"shop\"\n[load]\nusers = 2\nspawn_rate = 100\nrun_time = \"1s\"\nwait_time = \"10ms\"\n[[task]]\nname = \"/health\"\npath = \"/health\"\n";

#[test]
fn runs_are_listed_shown_compared_carried_over_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    let server = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let host = server.url();
    for profile in ["before", "after"] {
        let load = ["swarm", "--headless", "-q", "-f", "s.toml", "-H", &host];
        let args = [&load[..], &["--store", "h.sqlite", "--profile", profile]].concat();
        run(folder.path(), &args).expect(0, &[]);
    }
    let runs = |wish: &str| {
        let mut args = vec!["runs", "--store", "h.sqlite"];
        args.extend(wish.split(' '));
        let ended = bakeoff(&args).current_dir(folder.path()).output();
        Ended::of(ended.unwrap())
    };
    let says = |wish: &str, words: &[&str]| {
        let ended = runs(wish);
        ended.expect(0, &[]);
        for word in words {
            assert!(
                ended.stdout.contains(word),
                "{wish}: no {word} in {ended:#?}"
            );
        }
        ended.stdout
    };
    says("list", &["2 runs", "#before", "#after", "shop", &host]);
    let found = says("list SHOP after", &["1 run;", "#after"]);
    assert!(!found.contains("#before"), "{found}");
    runs("list absent").expect(0, &["no run is found"]);
    says("show 1", &["/health", "Aggregated", "99.99"]);
    says(
        "compare 1 2",
        &[
            "1 shop",
            "2 shop",
            "differences are to run 1",
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
        runs("h.sqlite", wish).expect(2, &["there is no history h.sqlite", "hint: ", "--store"]);
    }
    assert!(!folder.path().join("h.sqlite").exists());
    runs("h.sqlite", "import no.json").expect(2, &["no.json is no record of a run", "hint: "]);
    runs("h.sqlite", "import none.json").expect(2, &["cannot read none.json", "hint: "]);
    for wish in ["show 7", "export 7", "compare 7 8", "rm 7"] {
        runs("h.sqlite", wish).expect(2, &["there is no run 7", "bakeoff runs list"]);
    }
    runs("h.sqlite", "compare 7").expect(2, &["RUN"]);
    runs("no.sqlite", "list").expect(3, &["cannot use the history no.sqlite", "hint: "]);
}
