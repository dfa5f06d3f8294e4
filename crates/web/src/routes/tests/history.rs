//! Runs of the history.

use bakeoff_history::History;
use bakeoff_history::import::{self, Texts};
use bakeoff_record::Source;
use serde_json::{Value, json};

use super::{Answer, page};

#[tokio::test]
async fn a_coarse_run_is_listed_and_compared_with_gaps() {
    let page = page(None);
    let wrk = "Running 3s test @ http://old/\n 2 threads and 8 connections\n Latency 4ms 1ms 9ms 80%\n \
               Latency Distribution\n 50% 4.5ms\n 450 requests in 3.00s, 1MB read\n Socket errors: connect 0, timeout 6\n";
    let texts = Texts {
        name: "old",
        main: wrk,
        ..Texts::default()
    };
    let run = import::read(Source::WrkText, &texts).unwrap();
    let path = page.folder.path().join("history.sqlite");
    let id = History::open(&path).unwrap().import_coarse(&run).unwrap();
    let listed = page.get("/history?search=wrk").await.json()["runs"][0].clone();
    assert_eq!((&listed["id"], &listed["users"]), (&json!(id.0), &json!(8)));
    let caveat = "coarse: imported from wrk text; percentiles between the known ones are not known";
    assert_eq!(listed["coarse"], caveat);
    for unknown in ["started_at", "failures", "p95_ms"] {
        assert_eq!(listed[unknown], Value::Null, "{unknown}");
    }
    let compared = page.get(&format!("/compare?ids=1,{}", id.0)).await.json();
    let coarse = &compared["runs"][1];
    assert_eq!(coarse["percentiles"], json!([[50.0, 4.5], [100.0, 9.0]]));
    assert_eq!(
        (&coarse["statistics"], &coarse["points"]["seconds"]),
        (&Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn runs_are_found_annotated_compared_and_forgotten() {
    let page = page(None);
    let found = |answer: Answer| -> Vec<i64> {
        let runs = answer.json()["runs"].as_array().unwrap().clone();
        runs.iter().map(|run| run["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(found(page.get("/history").await), [2, 1]);
    let json = [("content-type", "application/json")];
    let wish = r#"{"notes": "after <b>", "tags": ["nightly"]}"#;
    let changed = page.ask("PATCH", "/history/1", &json, wish).await;
    assert_eq!(changed.json()["tags"], json!(["nightly"]));
    let unknown = page
        .ask("PATCH", "/history/1", &json, r#"{"name": "x"}"#)
        .await;
    assert_eq!(unknown.status, 422);
    assert_eq!(found(page.get("/history?search=nightly").await), [1]);
    let detail = page.get("/history/1").await.json();
    assert_eq!(detail["names"], json!(["GET /<script>"]));
    assert_eq!(detail["points"]["requests_per_second"], json!([1.0]));
    assert_eq!(detail["percentiles"][0], json!([50.0, 10.0]));
    let compared = page.get("/compare?ids=1,2").await.json();
    assert_eq!(compared["runs"][1]["percentiles"][10][0], 100.0);
    let caveats = compared["caveats"].as_array().unwrap();
    let caveat = |words: &str| {
        caveats
            .iter()
            .any(|caveat| caveat.as_str().unwrap().contains(words))
    };
    assert!(
        caveat("The runs were not interleaved") && caveat("there is no verdict"),
        "{caveats:?}"
    );
    for ids in ["", "1,", "a", "1,1,1,1,1,1,1"] {
        let answer = page.get(&format!("/compare?ids={ids}")).await;
        assert_eq!(answer.status, 422, "{ids}");
    }
    assert_eq!(page.get("/compare?ids=1,9").await.status, 404);
    assert_eq!(page.ask("DELETE", "/history/1", &[], "").await.status, 200);
    assert_eq!(page.ask("DELETE", "/history/1", &[], "").await.status, 404);
    assert_eq!(found(page.get("/history").await), [2]);
}
