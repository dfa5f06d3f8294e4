use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use bakeoff_record::coarse::{Percentiles, Timed};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../tests/fixtures/import/", $name))
    };
}

const LOCUST_STATS: &str = fixture!("locust_stats.csv");
const LOCUST_HISTORY: &str = fixture!("locust_stats_history.csv");
const LOCUST_FAILURES: &str = fixture!("locust_failures.csv");
const LOCUST_JSON: &str = fixture!("locust.json");
const K6_EXPORT: &str = fixture!("k6_summary_export.json");
const K6_HANDLE: &str = fixture!("k6_handle_summary.json");
const K6_NEW: &str = fixture!("k6_machine_readable.json");
const WRK: &str = fixture!("wrk.txt");
const WRK_LATENCY: &str = fixture!("wrk_latency.txt");
const WRK_TIMEOUTS: &str = fixture!("wrk_timeouts.txt");
const WRK_FAST: &str = fixture!("wrk_fast.txt");

const ALL: [&str; 11] = [
    LOCUST_STATS,
    LOCUST_HISTORY,
    LOCUST_FAILURES,
    LOCUST_JSON,
    K6_EXPORT,
    K6_HANDLE,
    K6_NEW,
    WRK,
    WRK_LATENCY,
    WRK_TIMEOUTS,
    WRK_FAST,
];

/// The run of a text whose format is found out.
fn imported(text: &str) -> Result<CoarseRun, ImportError> {
    match detect(text)? {
        Format::Record => Err(ImportError::Unknown),
        Format::Foreign(source) => read(
            source,
            &Texts {
                name: "old",
                main: text,
                ..Texts::default()
            },
        ),
    }
}

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

fn points(run: &CoarseRun) -> Vec<(f64, f64)> {
    let Percentiles::Points(points) = &run.total.times.percentiles else {
        panic!("no points in {run:?}");
    };
    let points = points.iter();
    points
        .map(|point| (point.percentile, point.time.as_micros() as f64 / 1e3))
        .collect()
}

#[test]
fn locusts_csv() {
    let texts = Texts {
        name: "old",
        main: LOCUST_STATS,
        locust_history: Some(LOCUST_HISTORY),
        locust_failures: Some(LOCUST_FAILURES),
    };
    let run = read(Source::LocustCsv, &texts).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (348, Some(10)));
    assert_eq!(run.users, Some(5));
    let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_578_445);
    assert_eq!(run.started_at, Some(began));
    assert_eq!(run.period.unwrap().as_millis(), 4_988);
    assert_eq!(run.timed, Timed::AllRequests);
    let names: Vec<_> = run.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["/", "/flaky, \"sometimes\""]);
    let times = &run.total.times;
    assert_eq!(times.percentile(95.0), Some(ms(59.0)));
    assert_eq!(times.percentile(99.99), Some(ms(68.0)));
    assert_eq!(times.percentile(90.5), None);
    assert_eq!(times.percentile(100.0), Some(ms(68.142_815_001_920_1)));
    assert_eq!(times.mean, Some(ms(50.243_038_864_910_08)));
    assert_eq!(run.causes[0].occurrences, 10);
    assert!(run.causes[0].cause.contains("500 Server Error"));

    let alone = imported(LOCUST_STATS).unwrap();
    assert_eq!((alone.users, alone.started_at), (None, None));
    assert_eq!(alone.total, run.total);
}

#[test]
fn locusts_json() {
    let run = imported(LOCUST_JSON).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (404, Some(11)));
    assert_eq!(run.rows.len(), 2);
    assert_eq!(
        (run.rows[0].requests, run.rows[0].method.as_str()),
        (324, "GET")
    );
    assert_eq!(run.period.unwrap().as_millis(), 5_751);
    let times = &run.rows[0].times;
    // To three digits, as our histograms hold it.
    assert_eq!(times.percentile(50.0).unwrap().as_millis(), 50);
    assert_eq!(times.max, Some(ms(68.777)));
    assert_eq!(times.min, Some(ms(6.446)));
    assert_eq!(times.mean.unwrap().as_micros(), 50_376);
    let Percentiles::Rounded(all) = &run.total.times.percentiles else {
        panic!("no times in {run:?}");
    };
    assert_eq!(all.count(), 404);
}

#[test]
fn k6s_summaries() {
    let run = imported(K6_EXPORT).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (180, Some(9)));
    assert_eq!(run.users, Some(19));
    assert_eq!(run.total.requests_per_second, Some(4.369_38));
    assert_eq!(run.period.unwrap().as_millis(), 41_195);
    assert_eq!(run.timed, Timed::Successes);
    assert_eq!(points(&run), [(50.0, 110.4), (90.0, 201.9), (95.0, 214.3)]);
    assert_eq!(run.total.times.percentile(99.0), None);
    assert_eq!(run.total.times.percentile(100.0), Some(ms(1140.2)));

    let run = imported(K6_HANDLE).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (180, Some(0)));
    assert_eq!(run.period, Some(Duration::from_micros(41_195_812)));
    assert_eq!(run.timed, Timed::AllRequests);
    assert_eq!(points(&run).last(), Some(&(99.9, 1101.5)));

    let run = imported(K6_NEW).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (100, Some(10)));
    assert_eq!(run.period, Some(Duration::from_millis(20_500)));
    assert_eq!(points(&run), [(50.0, 120.0), (90.0, 280.0), (95.0, 300.0)]);
    assert_eq!(run.users, None);
}

#[test]
fn a_k6_of_before_it_counted_failures_does_not_tell_them() {
    let old =
        r#"{"metrics": {"http_reqs": {"count": 7, "rate": 3.5}, "http_req_duration": {"avg": 2}}}"#;
    let run = imported(old).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (7, None));
    assert_eq!(run.period, Some(Duration::from_secs(2)));
    assert_eq!(points(&run), []);
}

#[test]
fn wrks_text() {
    let run = imported(WRK).unwrap();
    assert_eq!(run.host.as_deref(), Some("http://127.0.0.1:18473/"));
    assert_eq!((run.total.requests, run.total.failures), (450, Some(0)));
    assert_eq!(run.period, Some(Duration::from_millis(3_010)));
    assert_eq!(
        (run.users, run.total.requests_per_second),
        (Some(8), Some(149.39))
    );
    assert_eq!(
        (run.total.times.mean, run.total.times.max),
        (Some(ms(48.48)), Some(ms(71.95)))
    );
    assert_eq!((run.total.times.min, points(&run)), (None, vec![]));

    let run = imported(WRK_LATENCY).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (466, Some(43)));
    let expected = [(50.0, 48.02), (75.0, 52.0), (90.0, 55.97), (99.0, 63.95)];
    assert_eq!(points(&run), expected);

    let run = imported(WRK_FAST).unwrap();
    assert_eq!(points(&run)[0], (50.0, 0.041));
    assert_eq!(run.total.times.mean, Some(ms(0.461_49)));
}

#[test]
fn how_many_requests_a_socket_error_was_is_not_known() {
    let run = imported(WRK_TIMEOUTS).unwrap();
    assert_eq!((run.total.requests, run.total.failures), (3238, None));
    assert_eq!(run.causes.len(), 1);
    assert_eq!(run.causes[0].cause, "socket error: timeout");
    assert_eq!(run.causes[0].occurrences, 6);
}

#[test]
fn what_is_wrong_is_said() {
    let k6 = |old: &str, new: &str| K6_EXPORT.replacen(old, new, 1);
    for (text, expected) in [
        ("hello".to_owned(), "neither a record of Bakeoff"),
        (String::new(), "neither a record of Bakeoff"),
        ("{}".to_owned(), "neither a record of Bakeoff"),
        ("{\"metrics\": ".to_owned(), "not valid JSON"),
        ("[]".to_owned(), "it has no entry"),
        ("[{}]".to_owned(), "not valid JSON"),
        (LOCUST_HISTORY.to_owned(), "one of the files beside"),
        (LOCUST_FAILURES.to_owned(), "one of the files beside"),
        (
            LOCUST_STATS.replace("Aggregated", "All"),
            "it has no row Aggregated",
        ),
        (
            LOCUST_STATS.replace(",348,", ",many,"),
            "Request Count is \"many\", expected a number",
        ),
        (
            LOCUST_STATS.replace(",348,", ",-1,"),
            "Request Count is -1, expected a whole number",
        ),
        (
            LOCUST_STATS.replace(",348,", ",NaN,"),
            "Request Count is NaN",
        ),
        (
            LOCUST_STATS.replace(",348,10,", ",3,10,"),
            "Failure Count is 10",
        ),
        (
            LOCUST_STATS.replace(",348,10,", ",348,10,9,"),
            "not valid CSV",
        ),
        (
            LOCUST_JSON.replacen("324,", "1e300,", 1),
            "num_requests is 1",
        ),
        (
            LOCUST_JSON.replacen("\"54\"", "\"-54\"", 1),
            "a response time is -0.054",
        ),
        (
            LOCUST_JSON.replacen("68.777", "1.777", 1),
            "total_response_time is",
        ),
        ("{\"metrics\": {}}".to_owned(), "it has no metric http_reqs"),
        (
            k6("180", "1.5"),
            "http_reqs is 1.5, expected a whole number",
        ),
        (
            k6("\"passes\": 9", "\"passes\": 900"),
            "http_req_failed is 900",
        ),
        (k6("214.3", "-1"), "p(95) of http_req_duration is -0.001"),
        (k6("4.36938", "\"fast\""), "rate of http_reqs is \"fast\""),
        (
            WRK.replace("450 requests in", "no requests at"),
            "it has no line",
        ),
        (
            WRK.replace("48.48ms", "soon"),
            "the average latency is soon, expected a time",
        ),
        (WRK.replace("48.48ms", "1e30h"), "the average latency is"),
        (
            WRK.replace("8 connections", "99999999999 connections"),
            "connections is 99999999999",
        ),
    ] {
        let error = imported(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    for text in [LOCUST_STATS, LOCUST_JSON, K6_EXPORT, WRK] {
        let marked = format!("\u{feff}{text}");
        assert_eq!(imported(&marked).unwrap(), imported(text).unwrap());
    }
}

/// Reads a text as every format and stores what comes of it.
fn read_as_all(text: &str) {
    let _ = imported(text);
    for source in Source::ALL {
        let texts = Texts {
            name: "any",
            main: text,
            locust_history: Some(text),
            locust_failures: Some(text),
        };
        if let Ok(run) = read(source, &texts) {
            let record = bakeoff_record::json::CoarseRecord::from(&run);
            let again = record.into_run(run.name.clone()).unwrap();
            assert_eq!(again.total.requests, run.total.requests);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_run_or_an_error(bytes: Vec<u8>) {
        read_as_all(&String::from_utf8_lossy(&bytes));
    }

    /// A sample with one of its numbers or words replaced.
    #[test]
    fn a_damaged_sample_is_a_run_or_an_error(
        sample in 0..ALL.len(),
        place: prop::sample::Index,
        new in prop::sample::select(vec![
            "", "-1", "NaN", "inf", "-0", "1e308", "1e999", "18446744073709551616", "0.1", "null", "\"", "%", ",", "\n", "{", "999999999999",
        ]),
    ) {
        let text = ALL[sample];
        let words: Vec<&str> = text.split_inclusive([' ', ',', ':', '\n', '%']).collect();
        let place = place.index(words.len());
        let damaged: String = words
            .iter()
            .enumerate()
            .map(|(at, word)| if at == place {
                let end = word.trim_end_matches([' ', ',', ':', '\n', '%']).len();
                format!("{new}{}", &word[end..])
            } else {
                (*word).to_owned()
            })
            .collect();
        read_as_all(&damaged);
    }

    #[test]
    fn a_cut_sample_is_a_run_or_an_error(sample in 0..ALL.len(), place: prop::sample::Index) {
        let text = ALL[sample];
        read_as_all(&String::from_utf8_lossy(&text.as_bytes()[..place.index(text.len())]));
    }
}
