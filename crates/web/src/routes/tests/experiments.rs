//! An experiment that is started, followed and reported.

use std::io::{Read, Write};
use std::time::Instant;

use super::{PATIENCE, SCENARIO, page};

/// Answers everything on a thread of its own, for as long as the tests run.
fn answering_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn an_experiment_is_started_watched_and_reported() {
    let page = page(None);
    let folder = page.folder.path();
    let contender = |name: &str| {
        format!(
            "[[contender]]\nname = \"{name}\"\nurl = \"{}\"\n",
            answering_server()
        )
    };
    let head = "scenario = \"s.toml\"\nblocks = 6\nextra_blocks = 0\nmeasure = \"10ms\"\nwarm_up = \"0s\"\nusers = 2\n";
    std::fs::write(folder.join("s.toml"), SCENARIO).unwrap();
    let text = format!("{head}{}{}", contender("one"), contender("two"));
    let write = |text: &str| std::fs::write(folder.join("bakeoff.toml"), text).unwrap();
    write(&text.replace("blocks = 6", "blocks = 5"));
    let status = page.get("/experiments").await.json();
    let file = status["files"][0].as_str().unwrap().to_owned();
    assert_eq!(status["has_report"], false);
    assert_eq!(page.get("/experiments/report").await.status, 404);
    let refused = page.post("/experiments", "file=/etc/passwd").await.json();
    assert_eq!(refused["success"], false);
    let few = page.post("/experiments", &format!("file={file}")).await;
    let few = few.json()["message"].as_str().unwrap().to_owned();
    assert!(few.ends_with("a verdict needs 6"), "{few}");
    write(&text);
    let started = page
        .post("/experiments", &format!("file={file}"))
        .await
        .json();
    assert_eq!(started["success"], true, "{started}");
    let busy = page
        .post("/experiments", &format!("file={file}"))
        .await
        .json();
    assert_eq!(busy["message"], "an experiment is running; stop it first");
    let load = page
        .post("/swarm", "user_count=1&spawn_rate=1")
        .await
        .json();
    assert_eq!(load["message"], "an experiment is running; stop it first");
    let began = Instant::now();
    let over = loop {
        let status = page.get("/experiments").await.json();
        if status["running"] == false {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it stays {status:#}");
        tokio::task::yield_now().await;
    };
    assert_eq!(over["has_report"], true, "{over:#}");
    assert_eq!(over["so_far"].as_array().unwrap().len(), 2, "{over:#}");
    let report = page.get("/experiments/report").await;
    assert!(report.body.contains("two"), "{}", report.body);
    let record = page.get("/experiments/record").await.json();
    assert_eq!(record["interrupted"], false);
    assert_eq!(record["runs"].as_array().unwrap().len(), 6 * 3);
}
