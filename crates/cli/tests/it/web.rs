//! `bakeoff swarm` with its page.

use std::fs;

use crate::bakeoff::Server;
use crate::load::page;

const SCENARIO: &str = "name = \"hello\"\n[load]\nusers = 3\nspawn_rate = 100\n[[task]]\nname = \"/health\"\npath = \"/health\"\n";

fn wait_for(page: &Server, done: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    loop {
        let stats = page.get("/stats/requests").json();
        if done(&stats) {
            return stats;
        }
        std::thread::yield_now();
    }
}

#[test]
fn page_starts_and_stops_a_load_and_the_final_tables_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("s.toml");
    fs::write(&scenario, SCENARIO).unwrap();
    let server = Server::serve();
    let page = page(&scenario, &server.url(), &[]);
    assert!(page.get("/").body.contains("Bakeoff"));
    assert_eq!(page.get("/stats/requests").json()["state"], "ready");
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let wrong = page.request("POST", "/swarm", form, "user_count=0&spawn_rate=1");
    assert_eq!(
        (wrong.status, &wrong.json()["success"]),
        (200, &false.into())
    );
    let elsewhere = "host: attacker.example\r\n";
    assert_eq!(
        page.request("GET", "/stats/requests", elsewhere, "").status,
        403
    );
    let foreign = format!("{form}origin: http://elsewhere.example\r\n");
    assert_eq!(
        page.request("POST", "/swarm", &foreign, "user_count=2&spawn_rate=10")
            .status,
        403
    );
    let started = page
        .request("POST", "/swarm", form, "user_count=2&spawn_rate=10")
        .json();
    assert_eq!(
        (&started["success"], &started["message"]),
        (&true.into(), &"Swarming started".into())
    );
    let stats = wait_for(&page, |stats| {
        stats["user_count"] == 2 && stats["stats"][0]["num_requests"].as_u64() > Some(0)
    });
    assert_eq!(
        (
            stats["stats"][0]["name"].as_str(),
            stats["stats"][1]["name"].as_str()
        ),
        (Some("/health"), Some("Aggregated"))
    );
    assert_eq!(
        page.request("POST", "/stop", form, "").json()["success"],
        true
    );
    wait_for(&page, |stats| stats["state"] == "stopped");
    let ended = page.end("INT");
    ended.expect(0, &[]);
    assert!(ended.stdout.contains("/health"), "{}", ended.stdout);
}

#[test]
fn a_killed_page_leaves_a_run_that_is_called_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, store) = (folder.path().join("s.toml"), folder.path().join("h.sqlite"));
    fs::write(&scenario, SCENARIO).unwrap();
    let server = Server::serve();
    let store = ["--store", store.to_str().unwrap()];
    let start = || page(&scenario, &server.url(), &store);
    let page = start();
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    assert_eq!(page.request("POST", "/swarm", form, "").status, 200);
    // The entry exists once the load has started.
    while page.get("/history").json()["runs"][0]["requests"].as_u64() < Some(1) {
        std::thread::yield_now();
    }
    assert_eq!(page.get("/history").json()["runs"][0]["state"], "running");
    page.end("KILL");
    let next = start();
    let run = next.get("/history").json()["runs"][0].clone();
    assert_eq!(run["state"], "cut short");
    assert!(run["requests"].as_u64() > Some(0));
    assert!(next.get("/logs").body.contains("cut short"));
    assert_eq!(next.get("/history/1").status, 200);
}
