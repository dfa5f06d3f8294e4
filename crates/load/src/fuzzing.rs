//! Body of this crate's fuzz target. It panics when something is wrong, and only then.
//!
//! The test feeds it what earlier fuzzing found, so that a mended fault stays mended.

use std::path::Path;
use std::time::{Duration, SystemTime};

use bakeoff_record::Measurement;

use crate::arrivals::Schedule;
use crate::clock::FAR;
use crate::{Scenario, Workload, check_requests};

/// Arrivals that are planned of an open model.
const ARRIVALS: usize = 50;

/// Reads `data` as a scenario file, plans its load and makes its requests. Nothing is sent.
///
/// # Panics
/// When a plan contradicts itself.
pub fn scenario(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if names_file_elsewhere(text) {
        return;
    }
    // No file lies there, so that none is read.
    let path = Path::new("/no/such/folder/s.toml");
    let mut scenario = match Scenario::parse(text, path) {
        Ok(scenario) => scenario,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a reason");
            return;
        }
    };
    plan(&scenario.load().workload);
    let _ = check_requests(&scenario, "http://127.0.0.1:1/below");
    let nothing = Measurement::nothing(SystemTime::UNIX_EPOCH);
    scenario.threshold_outcomes(&nothing);
    scenario.failures_without_threshold(&nothing);
    scenario.data_files();
    scenario.timeouts();
    let _ = scenario.without_checks();
    assert!(scenario.select_users(&[]).is_ok() && !scenario.users().is_empty());
}

/// Returns `true` if a file is named by its whole path. Some, such as `/dev/zero`, have no end.
fn names_file_elsewhere(text: &str) -> bool {
    fn is_elsewhere(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => table.iter().any(|(key, value)| {
                let names_file = ["file", "body_file", "ca_file"].contains(&key.as_str())
                    || key.starts_with("client_");
                let text = value.as_str().unwrap_or_default();
                names_file && text.starts_with('/') || is_elsewhere(value)
            }),
            toml::Value::Array(items) => items.iter().any(is_elsewhere),
            _ => false,
        }
    }
    let table: Result<toml::Table, _> = toml::from_str(text);
    table.is_ok_and(|table| is_elsewhere(&toml::Value::Table(table)))
}

fn plan(workload: &Workload) {
    let population = workload.population();
    let most = workload.most_users();
    let complete = population.first_complete();
    assert!(population.last_complete(Duration::ZERO) <= FAR * 2);
    for time in [
        Duration::ZERO,
        Duration::from_secs(1),
        complete,
        FAR,
        Duration::MAX,
    ] {
        assert!(population.count(time) <= most, "more users than there are");
    }
    for user in [0, most / 2, most.saturating_sub(1)] {
        population.next_start(user, Duration::ZERO);
        population.next_stop(user, complete);
    }
    let _ = (workload.to_string(), workload.duration());
    workload.next_stages();
    for rate in workload.spawn_rates() {
        assert!(rate.is_finite() && rate > 0.0, "{rate} users a second");
    }
    if let Workload::Arrivals(arrivals) = workload {
        let mut schedule = Schedule::new(arrivals, 0, 1, 1);
        let mut last = Duration::ZERO;
        for _ in 0..ARRIVALS {
            let next = schedule.next();
            assert!(next >= last, "an arrival before the last one");
            last = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn saved_scenarios_do_no_harm() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/scenario");
        let entries = fs::read_dir(&folder).unwrap();
        let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // Shown when the test fails: the last one did it.
            println!("{}", file.display());
            scenario(&fs::read(&file).unwrap());
        }
    }

    #[test]
    fn files_elsewhere_are_left_alone() {
        for (text, expected) in [
            ("path = \"/\"", false),
            ("[[task]]\ndata = { file = \"/dev/zero\" }", true),
            ("[connection]\nclient_key = \"/x\"", true),
            ("body_file = \"x\"", false),
        ] {
            assert_eq!(names_file_elsewhere(text), expected, "{text}");
        }
    }
}
