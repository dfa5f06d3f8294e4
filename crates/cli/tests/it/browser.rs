//! The web page, as a visitor uses it: in headless Chromium, through its driver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::bakeoff::{Server, available};

/// A name that would rename the page if it were taken for markup.
const SCENARIO: &str = r#"
name = "shop"
[load]
users = 3
spawn_rate = 100
[[task]]
name = "<script>document.title = 'taken'</script>"
path = "/health"
[[task]]
name = "/ready"
path = "/ready"
"#;

/// The driver and its browser; both end when it is dropped.
struct Browser {
    driver: Child,
    page: Client,
}

impl Browser {
    async fn open(url: &str) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(driver.stdout.take().unwrap());
        let mut lines = stdout.lines().map_while(Result::ok);
        let line = lines
            .find(|line| line.contains("successfully on port "))
            .unwrap();
        let port = line.rsplit(' ').next().unwrap().trim_end_matches('.');
        let options = json!({ "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"] });
        let wishes = [("goog:chromeOptions".to_owned(), options)];
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wishes.into_iter().collect())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        page.goto(url).await.unwrap();
        Self { driver, page }
    }

    async fn click(&self, css: &str) {
        let element = self.page.wait().for_element(Locator::Css(css)).await;
        element.unwrap().click().await.unwrap();
    }

    async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.checkVisibility() ? e.innerText : '')";
        let texts = self.page.execute(script, vec![json!(css)]).await.unwrap();
        serde_json::from_value(texts).unwrap()
    }

    /// Waits until the texts of the elements are as expected.
    async fn wait_for(&self, css: &str, expected: impl Fn(&[String]) -> bool) -> Vec<String> {
        let began = Instant::now();
        loop {
            let texts = self.texts(css).await;
            if expected(&texts) {
                return texts;
            }
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{css} stays {texts:?}"
            );
        }
    }

    async fn run_a_load(&self) {
        self.click("#go").await;
        self.wait_for("#state", |state| state == ["running"]).await;
        self.wait_for("#rps", |rps| rps != ["0"]).await;
        self.wait_for("#users", |users| users == ["2"]).await;
        self.click("#stop").await;
        self.wait_for("#state", |state| state == ["stopped"]).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn chromium() -> Result<(), String> {
    for program in ["chromium", "chromedriver"] {
        let found = Command::new(program).arg("--version").output();
        found.map_err(|error| format!("{program}: {error}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_visitor_starts_watches_stops_finds_and_compares_loads() {
    if !available("chromium", chromium()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (scenario, store) = (folder.path().join("s.toml"), folder.path().join("h.sqlite"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    let server = Server::start(&["serve", "--port", "0", "--threads", "1"]);
    let page = Server::start(&[
        "swarm",
        "-f",
        scenario.to_str().unwrap(),
        "-H",
        &server.url(),
        "--web-port",
        "0",
        "--store",
        store.to_str().unwrap(),
    ]);
    let browser = Browser::open(&page.url()).await;
    browser.wait_for("#state", |state| state == ["ready"]).await;
    let users = browser.page.find(Locator::Css("[name=user_count]")).await;
    let users = users.unwrap();
    users.clear().await.unwrap();
    users.send_keys("2").await.unwrap();
    browser.run_a_load().await;

    let rows = browser.texts("#statistics-table tbody tr").await;
    assert!(rows.iter().any(|row| row.contains("<script>")), "{rows:?}");
    assert_eq!(browser.page.title().await.unwrap(), "Bakeoff swarm");

    browser.click("#tab-charts").await;
    let charts = |canvases: &[String]| canvases.len() == 3;
    browser.wait_for("#live-charts canvas", charts).await;
    let names = browser.texts("#series option").await;
    assert_eq!(names.len(), 3, "{names:?}");
    browser.click("#tab-download").await;
    browser
        .wait_for("#downloads a", |links| links.len() >= 2)
        .await;
    let report = page.get("/stats/report?download=1");
    assert!(report.head.contains("attachment"), "{}", report.head);
    assert!(!report.body.contains("<script>document.title"));
    let record = page.get("/stats/record").json();
    let requests = record["measurement"]["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 2);

    browser.click("#new").await;
    browser.run_a_load().await;
    browser.click("#tab-history").await;
    browser
        .wait_for("#runs-table tbody tr", |rows| rows.len() == 2)
        .await;
    for row in 1..=2 {
        let box_of_row = format!("#runs-table tbody tr:nth-child({row}) input");
        browser.click(&box_of_row).await;
    }
    browser.click("#compare").await;
    let percentiles = browser
        .wait_for("#detail tbody tr", |rows| rows.len() > 11)
        .await;
    assert!(
        percentiles.iter().any(|row| row.starts_with("95 %")),
        "{percentiles:?}"
    );
    assert_eq!(browser.page.title().await.unwrap(), "Bakeoff swarm");
    browser.page.clone().close().await.unwrap();
}
