//! The web page in headless Chromium, through its driver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;

use crate::bakeoff::{Server, available};
use crate::load::page;

/// Longest wait for the page.
const PATIENCE: Duration = Duration::from_mins(2);

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

/// Driver and browser; both end when this is dropped.
struct Browser {
    driver: Child,
    page: Client,
}

impl Browser {
    /// Opens `url`. Downloads go to the folder `downloads`.
    async fn open(url: &str, downloads: &Path) -> Self {
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
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--force-prefers-reduced-motion", "--window-size=1280,900"],
            "prefs": { "download.default_directory": downloads },
        });
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
        self.act(css, async |element| element.click().await).await;
    }

    async fn fill(&self, css: &str, text: &str) {
        self.act(css, async |field| {
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Acts on an element, and tries again if the page replaced or moved it at that moment.
    async fn act(&self, css: &str, act: impl AsyncFn(Element) -> Result<(), CmdError>) {
        let began = Instant::now();
        loop {
            let element = self.page.wait().for_element(Locator::Css(css)).await;
            match act(element.unwrap()).await {
                Ok(()) => return,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{css}: {error}"),
            }
        }
    }

    /// Saves screenshots in light and dark, at two widths, in the target folder.
    async fn look(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        for width in [1280, 390] {
            self.page.set_window_size(width, 1000).await.unwrap();
            for theme in ["light", "dark"] {
                let script = "document.documentElement.dataset.theme = arguments[0]; dispatchEvent(new Event('themechange')); \
                              return document.documentElement.scrollWidth <= innerWidth";
                let fits = self.page.execute(script, vec![json!(theme)]).await.unwrap();
                assert_eq!(fits, true, "{name} is wider than {width}");
                let image = self.page.screenshot().await.unwrap();
                let file = folder.join(format!("{name}-{width}-{theme}.png"));
                std::fs::write(file, image).unwrap();
            }
        }
        self.page.set_window_size(1280, 900).await.unwrap();
    }

    async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.checkVisibility() ? e.innerText : '')";
        let texts = self.page.execute(script, vec![json!(css)]).await.unwrap();
        serde_json::from_value(texts).unwrap()
    }

    /// Waits for the expected texts of the elements.
    async fn wait_for(&self, css: &str, expected: impl Fn(&[String]) -> bool) -> Vec<String> {
        let began = Instant::now();
        loop {
            let texts = self.texts(css).await;
            if expected(&texts) {
                return texts;
            }
            assert!(began.elapsed() < PATIENCE, "{css} stays {texts:?}");
        }
    }

    async fn run_a_load(&self) {
        self.click("#go").await;
        self.wait_for("#state", |state| state == ["running"]).await;
        self.wait_for("#rps", |rps| rps != ["0"]).await;
        self.wait_for("#users", |users| users == ["2"]).await;
    }

    async fn stop(&self) {
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

/// Waits for a file with content whose name ends with `ending`, and reads it.
///
/// The browser first makes an empty file of this name, and writes the content under another.
fn downloaded(folder: &Path, ending: &str) -> String {
    let began = Instant::now();
    loop {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        let found = paths.find(|path| path.to_string_lossy().ends_with(ending));
        let content = found.map(|path| std::fs::read_to_string(path).unwrap());
        if let Some(content) = content.filter(|content| !content.is_empty()) {
            return content;
        }
        assert!(began.elapsed() < PATIENCE, "no {ending}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Downloads each file by a click.
async fn download_everything(browser: &Browser, folder: &Path) {
    browser.click("#tab-download").await;
    let links = |links: &[String]| links.len() >= 6;
    browser.wait_for("#downloads a", links).await;
    browser.look("download").await;
    for (path, ending, word) in [
        ("/stats/report", "-report.html", "<!DOCTYPE html>"),
        ("/stats/record", "-run.json", "schema_version"),
        ("/stats/requests/csv", "-stats.csv", "Aggregated"),
        (
            "/stats/requests_full_history/csv",
            "-stats_history.csv",
            "User Count",
        ),
        ("/stats/failures/csv", "-failures.csv", "Occurrences"),
        ("/exceptions/csv", "-exceptions.csv", "Traceback"),
    ] {
        browser
            .click(&format!("#downloads a[href^=\"{path}?\"]"))
            .await;
        let content = downloaded(folder, ending);
        assert!(content.contains(word), "{ending}: {content}");
        let is_markup = path == "/stats/report" && content.contains("<script>document.title");
        assert!(!is_markup, "{ending}");
    }
}

/// Changes users and host of a running load through the form.
async fn edit_the_load(browser: &Browser, host: &str) {
    browser.click("#edit").await;
    browser
        .wait_for("#host-hint", |hint| hint[0].contains("ends this run"))
        .await;
    browser.look("edit").await;
    browser.fill("[name=user_count]", "5").await;
    browser.click("#go").await;
    browser.wait_for("#users", |users| users == ["5"]).await;
    browser.click("#edit").await;
    browser.fill("[name=host]", host).await;
    browser.click("#go").await;
    browser.click("#tab-logs").await;
    browser
        .wait_for("#log-lines", |lines| {
            lines[0].contains(&format!("on {host}"))
        })
        .await;
    browser.wait_for("#users", |users| users == ["5"]).await;
    browser.look("logs").await;
}

/// Sets a note and a tag of the first run in the list, and searches for them.
async fn annotate_and_search(browser: &Browser) {
    browser
        .click("#runs-table tbody tr:first-child button.link")
        .await;
    browser
        .fill("#detail [name=notes]", "after <b>the fix")
        .await;
    browser.fill("#detail [name=tags]", "nightly").await;
    browser.click("#detail form button.main").await;
    browser
        .wait_for("#detail form button.main", |save| save == ["Saved"])
        .await;
    browser.look("run").await;
    browser.click("#detail button").await;
    browser.fill("[name=search]", "fix nightly").await;
    let rows = browser
        .wait_for("#runs-table tbody tr", |rows| rows.len() == 1)
        .await;
    assert!(rows[0].contains("after <b>the fix"), "{rows:?}");
    // Typed, so that the page gets the event.
    browser.fill("[name=search]", " ").await;
}

/// Starts an experiment, watches it and opens its report.
async fn run_an_experiment(browser: &Browser) {
    browser.click("#tab-experiments").await;
    browser
        .wait_for("#experiment-file option", |files| files.len() == 1)
        .await;
    browser.click("#experiment-form button").await;
    browser
        .wait_for("#experiment-title", |title| {
            title[0].ends_with("is running") || title[0].ends_with("has ended")
        })
        .await;
    browser
        .wait_for("#experiment-so-far li", |lines| lines.len() == 2)
        .await;
    browser.look("experiment").await;
    browser
        .wait_for("#experiment-title", |title| title[0].ends_with("has ended"))
        .await;
    browser.look("experiment-over").await;
    let report = "return fetch(document.getElementById('experiment-report').href).then(answer => answer.text())";
    let report = browser.page.execute(report, Vec::new()).await.unwrap();
    assert!(report.as_str().unwrap().contains("one again"), "{report}");
}

/// A server against itself.
fn experiment_on(server: &Server) -> String {
    let contender = |name: &str| {
        let url = server.url();
        format!("[[contender]]\nname = \"{name}\"\nurl = \"{url}\"\n")
    };
    let head = "scenario = \"s.toml\"\nblocks = 6\nextra_blocks = 0\nmeasure = \"300ms\"\nwarm_up = \"0s\"\nusers = 2\n";
    format!("{head}{}{}", contender("one"), contender("two"))
}

#[tokio::test]
async fn a_visitor_starts_watches_stops_finds_and_compares_loads() {
    if !available("chromium", chromium()) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (scenario, store) = (folder.path().join("s.toml"), folder.path().join("h.sqlite"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    let server = Server::serve();
    let experiment = folder.path().join("bakeoff.toml");
    std::fs::write(&experiment, experiment_on(&server)).unwrap();
    let (experiment, store) = (experiment.to_str().unwrap(), store.to_str().unwrap());
    let more = ["--experiment", experiment, "--store", store];
    let page = page(&scenario, &server.url(), &more);
    let downloads = folder.path().join("downloads");
    std::fs::create_dir(&downloads).unwrap();
    let browser = Browser::open(&page.url(), &downloads).await;
    browser.wait_for("#state", |state| state == ["ready"]).await;
    browser.look("start").await;
    browser.fill("[name=user_count]", "2").await;
    browser.run_a_load().await;
    browser.look("statistics").await;
    edit_the_load(&browser, &server.url().replace("127.0.0.1", "localhost")).await;
    browser.stop().await;
    browser.click("#tab-statistics").await;

    let rows = browser.texts("#statistics-table tbody tr").await;
    assert!(rows.iter().any(|row| row.contains("<script>")), "{rows:?}");
    assert_eq!(browser.page.title().await.unwrap(), "Bakeoff swarm");

    browser.click("#tab-charts").await;
    let charts = |canvases: &[String]| canvases.len() == 3;
    browser.wait_for("#live-charts canvas", charts).await;
    let names = browser.texts("#series option").await;
    assert_eq!(names.len(), 3, "{names:?}");
    browser.look("charts").await;
    download_everything(&browser, &downloads).await;

    browser.click("#new").await;
    browser.fill("[name=user_count]", "2").await;
    browser.run_a_load().await;
    browser.stop().await;
    browser.click("#tab-history").await;
    let all = |rows: &[String]| rows.len() == 3;
    browser.wait_for("#runs-table tbody tr", all).await;
    annotate_and_search(&browser).await;
    browser.wait_for("#runs-table tbody tr", all).await;
    browser.look("history").await;
    for row in 1..=2 {
        let box_of_row = format!("#runs-table tbody tr:nth-child({row}) input");
        browser.click(&box_of_row).await;
    }
    browser.click("#compare").await;
    let percentiles = browser
        .wait_for("#detail tbody tr", |rows| rows.len() > 11)
        .await;
    assert!(
        percentiles.iter().any(|row| row.starts_with("p95 ")),
        "{percentiles:?}"
    );
    assert!(
        percentiles.iter().any(|row| row.ends_with(" %)")),
        "{percentiles:?}"
    );
    browser.look("compare").await;
    run_an_experiment(&browser).await;
    assert_eq!(browser.page.title().await.unwrap(), "Bakeoff swarm");
    browser.page.clone().close().await.unwrap();
}
