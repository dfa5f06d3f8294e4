use super::*;
use bakeoff_record::fixture;

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
            let of_page = ["#", "data:application/gzip;base64,"];
            let within = of_page.iter().any(|start| address.starts_with(start));
            assert!(within, "{}", &address[..40]);
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
    assert!(!page.contains("<img") && !page.contains("<script"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
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
    let (mut tables, mut charts) = (0, 0);
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
        let shown = page.matches("class=\"plot\"").count() + page.matches("<svg").count();
        assert_eq!(page.matches("Figures as a table").count(), shown);
        (tables, charts) = (tables + page.matches("<table>").count(), charts + shown);
    }
    assert!(
        tables > 10 && charts > 8,
        "{tables} tables, {charts} charts"
    );
}

#[test]
fn a_page_of_an_experiment_needs_no_script() {
    let page = render_experiment(&fixture::plausible_experiment());
    assert!(!page.contains("<script") && !page.contains("uPlot"));
    assert!(page.contains("<svg"));
}

#[test]
fn the_answer_and_its_picture_come_before_everything_else() {
    let experiment = fixture::plausible_experiment();
    let page = render_experiment(&experiment);
    let answer = crate::answer(&experiment, &Analysis::of(&experiment));
    let main = page.split_once("<main").unwrap().1;
    let lead = main.find(&answer).unwrap();
    let picture = main.find("<svg").unwrap();
    assert!(lead < picture && picture < main.find("<table").unwrap());
    assert!(lead < 400, "{lead}");
}

#[test]
fn every_colour_of_a_picture_has_one_for_dark_paper() {
    let page = render_experiment(&fixture::plausible_experiment());
    let style = page.split_once("</head>").unwrap().0;
    let mut colours = 0;
    for (attribute, length) in [("fill=\"#", 6), ("stroke=\"#", 6)] {
        for (at, found) in page.match_indices(attribute) {
            colours += 1;
            let end = at + found.len() + length + 1;
            assert!(
                style.contains(&format!("[{}]", &page[at..end])),
                "{}",
                &page[at..end]
            );
        }
    }
    assert!(colours > 100, "{colours}");
}

#[test]
fn the_record_is_in_the_page() {
    let experiment = fixture::experiment(&[("new", &[20; 6]), ("old", &[10; 6])], "old");
    let page = render_experiment(&experiment);
    let data = page.split_once("data:application/gzip;base64,").unwrap().1;
    let gzipped = BASE64_STANDARD
        .decode(
            data.split_once('"')
                .unwrap()
                .0
                .replace("&#x2b;", "+")
                .replace("&#x2f;", "/"),
        )
        .unwrap();
    let mut record = String::new();
    let mut decoder = flate2::read::GzDecoder::new(gzipped.as_slice());
    std::io::Read::read_to_string(&mut decoder, &mut record).unwrap();
    assert_eq!(record, crate::json::render_experiment(&experiment));
}

#[test]
fn a_page_of_a_whole_experiment_stays_under_500_kb() {
    let page = render_experiment(&fixture::plausible_experiment());
    assert!(page.len() < 500_000, "{} bytes", page.len());
    assert!(page.contains("href=\"data:application/gzip"));
}

#[test]
fn a_record_that_is_too_large_stays_out_of_the_page() {
    let mut experiment = fixture::plausible_experiment();
    let runs = experiment.runs.clone();
    for block in 1..=3 {
        experiment.runs.extend(runs.iter().cloned().map(|mut run| {
            run.block += 10 * block;
            run
        }));
    }
    let page = render_experiment(&experiment);
    assert!(page.len() < 500_000, "{} bytes", page.len());
    assert!(!page.contains("href=\"data:") && page.contains("is too large for this page"));
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
    test.measurement.timeline[3].response_times = bakeoff_record::Times::new().encode();
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
