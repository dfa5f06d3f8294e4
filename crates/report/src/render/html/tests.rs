use super::*;
use crate::fixture;

fn pages() -> [String; 4] {
    [
        render_experiment(&fixture::plausible_experiment()),
        render_experiment(&fixture::empty_experiment(&[], "gone")),
        render_load_test(&fixture::load_test(&["/a"], 5)),
        render_load_test(&fixture::load_test(&["/a", "/b"], 5)),
    ]
}

/// The page without its scripts and styles, which do not change with the data.
fn markup(page: &str) -> String {
    let mut rest = page.to_owned();
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        while let Some(start) = rest.find(open) {
            let end = start + rest[start..].find(close).unwrap() + close.len();
            rest.replace_range(start..end, "");
        }
    }
    rest
}

/// The chart data in the page.
fn data(page: &str) -> serde_json::Value {
    let start = page
        .split_once(r#"<script type="application/json" id="data">"#)
        .unwrap()
        .1;
    serde_json::from_str(start.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_markup_of_an_experiment() {
    let experiment = fixture::experiment(&[("new", &[20; 6]), ("old", &[10; 6])], "old");
    insta::assert_snapshot!(markup(&render_experiment(&experiment)));
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    for page in pages() {
        for forbidden in [
            "src=",
            "<link",
            "@import",
            "url(",
            "fetch(",
            "XMLHttpRequest",
            "import(",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for (_, address) in page
            .match_indices("href=\"")
            .map(|(at, start)| (at, &page[at + start.len()..]))
        {
            assert!(address.starts_with('#'), "{}", &address[..40]);
        }
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn equal_experiments_give_equal_bytes() {
    assert_eq!(pages(), pages());
}

#[test]
fn names_are_text_everywhere() {
    let evil = r#"</script><script>alert("x")</script><img src=x onerror=alert(1)>"#;
    let mut experiment = fixture::experiment(&[(evil, &[20; 6]), ("old", &[10; 6])], "old");
    experiment.name = evil.to_owned();
    experiment.runs[0].measurement = fixture::measurement(evil, &[1], &[2], 1);
    experiment.runs[0].measurement.failures[0].cause = evil.to_owned();
    let page = render_experiment(&experiment);
    assert!(!page.contains("<img") && !page.contains("<script>alert"));
    assert_eq!(page.matches("</script>").count(), 3);
    assert_eq!(data(&page)["rate"]["names"][0], evil);
}

#[test]
fn marks_and_choices_are_text() {
    let evil = "</script><script>alert(1)</script>";
    let mut test = fixture::load_test(&["/a", evil], 3);
    test.measurement.marks[0].what = evil.to_owned();
    let page = render_load_test(&test);
    assert_eq!(page.matches("</script>").count(), 3);
    let data = data(&page);
    assert_eq!(data["rate"]["marks"][0][1], evil);
    assert_eq!(
        data["rate"]["choices"][1]["name"],
        format!("POST {evil}").as_str()
    );
}

#[test]
fn headings_descend_one_level_at_a_time() {
    for page in pages() {
        let page = markup(&page);
        let levels: Vec<u32> = page
            .match_indices("<h")
            .filter_map(|(at, _)| page[at + 2..].chars().next()?.to_digit(10))
            .collect();
        assert_eq!(levels[0], 1);
        assert!(
            levels
                .windows(2)
                .all(|pair| pair[1] > 1 && pair[1] <= pair[0] + 1),
            "{levels:?}"
        );
    }
}

#[test]
fn every_table_has_a_caption_and_every_chart_its_figures_in_words() {
    for page in pages() {
        let page = markup(&page);
        assert_eq!(
            page.matches("<table>").count(),
            page.matches("<caption>").count()
        );
        assert_eq!(
            page.matches("class=\"plot\"").count(),
            page.matches("role=\"img\" tabindex=\"0\" aria-label=\"")
                .count()
        );
        assert_eq!(
            page.matches("class=\"plot\"").count(),
            page.matches("Figures of this chart").count()
        );
    }
}

#[test]
fn all_blocks_of_a_contender_are_one_line() {
    let experiment = fixture::plausible_experiment();
    let data = data(&render_experiment(&experiment));
    assert_eq!(data["users"]["names"].as_array().unwrap().len(), 5);
    assert_eq!(
        data["users"]["y"][0],
        serde_json::json!([35.0, 70.0, 70.0, 70.0, 70.0, 70.0, 70.0])
    );
    let requests: u64 = experiment
        .runs
        .iter()
        .filter(|run| run.contender == "bakeoff")
        .map(|run| run.measurement.timeline[3].requests)
        .sum();
    let mean = data["rate"]["y"][0][3].as_f64().unwrap();
    assert!((mean - requests as f64 / 10.0).abs() < 0.001, "{mean}");
    assert_eq!(data["rate"]["measured"], serde_json::json!([2.0, 7.0]));
}

#[test]
fn a_percentile_curve_ends_with_its_last_request() {
    let data = data(&render_experiment(&fixture::experiment(
        &[("a", &[100])],
        "a",
    )));
    let curve: Vec<bool> = data["percentiles"]["y"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|y| !y.is_null())
        .collect();
    let known = curve.iter().filter(|known| **known).count();
    // 100 requests tell percentiles up to 99 %, two of the four decades of 20 steps.
    assert_eq!((known, curve.len()), (41, 81));
    assert!(curve[..41].iter().all(|known| *known));
}

#[test]
fn the_markup_of_a_load_test() {
    let test = fixture::load_test(&["/a", "/b"], 5);
    insta::assert_snapshot!(markup(&render_load_test(&test)));
}

#[test]
fn charts_of_a_load_test_are_in_total_and_by_name() {
    let data = data(&render_load_test(&fixture::load_test(&["/a", "/b"], 6)));
    for chart in ["rate", "times", "percentiles"] {
        let chart = &data[chart];
        let names: Vec<_> = chart["choices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|choice| choice["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["GET /a", "POST /b"]);
        let lines = chart["y"].as_array().unwrap().len();
        assert_eq!(chart["choices"][1]["y"].as_array().unwrap().len(), lines);
    }
    assert_eq!(data["rate"]["y"][0][5], 40.0);
    assert_eq!(data["rate"]["choices"][0]["y"][0][5], 20.0);
    assert_eq!(data["users"]["choices"], serde_json::json!([]));
    let one = render_load_test(&fixture::load_test(&["/a"], 6));
    assert!(one.contains(r#""choices":[]"#) && !one.contains(r#""choices":[{"#));
}

#[test]
fn marks_are_lines_in_the_charts_over_time() {
    let data = data(&render_load_test(&fixture::load_test(&["/a"], 6)));
    let marks = serde_json::json!([[0.0, "10 arrivals/s"], [3.0, "20 arrivals/s"]]);
    for chart in ["rate", "times", "users"] {
        assert_eq!(data[chart]["marks"], marks);
    }
    assert_eq!(data["percentiles"]["marks"], serde_json::json!([]));
}

#[test]
fn a_second_without_successes_is_a_gap_in_the_response_times() {
    let mut test = fixture::load_test(&["/a"], 6);
    test.measurement.timeline[3].response_times = crate::Times::new().encode();
    let data = data(&render_load_test(&test));
    assert!(data["times"]["y"][0][3].is_null());
    assert!(data["times"]["y"][0][4].is_f64());
}

#[test]
fn ten_minutes_of_three_names_stay_under_300_kb() {
    let page = render_load_test(&fixture::load_test(&["/a", "/b", "/c"], 600));
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert_eq!(data(&page)["rate"]["x"].as_array().unwrap().len(), 300);
}
