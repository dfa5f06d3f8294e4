//! Loads of an experiment: users, sweeps and arrivals, and the cores that they run on.

use bakeoff_record::times::TimeKind;
use std::collections::BTreeSet;
use std::time::Duration;

use bakeoff_analysis::Analysis;
use bakeoff_record::{Experiment, RunLoad};
use tempfile::TempDir;

use crate::setting::{Script, run_with, scripted, server};

const SHORT: &str = "measure = \"300ms\"\nwarm_up = \"100ms\"\n";

fn slow(name: &str, delay_ms: u64) -> String {
    let delay = Duration::from_millis(delay_ms);
    scripted(
        name,
        &Script {
            delay,
            ..Script::default()
        },
    )
}

/// Users of each step of a contender's sweep in a block.
fn swept_users(experiment: &Experiment, contender: &str, block: u32) -> Vec<u32> {
    let runs = experiment.runs.iter();
    runs.filter(|run| run.contender == contender && run.block == block)
        .filter_map(|run| match run.load {
            RunLoad::Sweep { users } => Some(users),
            _ => None,
        })
        .collect()
}

#[test]
fn a_server_that_does_nothing_is_measured_first() {
    let folder = TempDir::new().unwrap();
    let experiment = run_with(
        folder.path(),
        &format!("blocks = 1\n{SHORT}"),
        &slow("it", 20),
    )
    .unwrap();
    let floor = experiment.floor.unwrap();
    assert!(floor.requests_per_second > 0.0, "{floor:?}");
    // Answers of the contender take longer, so the floor was measured on another server.
    assert!(
        experiment.runs[0].measurement.requests[0].times[TimeKind::Response].min()
            >= Some(Duration::from_millis(20))
    );
    assert_eq!(experiment.floor_missing, None);
}

#[test]
fn a_contender_is_measured_once_it_has_settled() {
    let folder = TempDir::new().unwrap();
    let head =
        "blocks = 1\nmeasure = \"300ms\"\nwarm_up = { at_least = \"0s\", at_most = \"10m\" }\n";
    let experiment = run_with(folder.path(), head, &slow("steady", 100)).unwrap();
    let run = &experiment.runs[0];
    assert!(run.settled);
    let warm_up = run.measurement.warm_up;
    // Three whole seconds with equal rates, after the seconds before them.
    assert!(warm_up >= Duration::from_secs(3), "{warm_up:?}");
    assert!(run.measurement.period >= Duration::from_millis(300));
    assert!(!run.measurement.interrupted);
}

#[test]
fn a_contender_that_does_not_settle_is_measured_all_the_same_and_flagged() {
    let folder = TempDir::new().unwrap();
    let head =
        "blocks = 1\nmeasure = \"300ms\"\nwarm_up = { at_least = \"0s\", at_most = \"1s\" }\n";
    let experiment = run_with(folder.path(), head, &slow("it", 10)).unwrap();
    assert!(!experiment.runs[0].settled);
    assert_eq!(
        Analysis::of(&experiment).results[0].measured().unsettled,
        (1, 1)
    );
}

#[test]
fn contenders_that_are_started_once_are_the_same_process_in_every_block() {
    let folder = TempDir::new().unwrap();
    let head = format!("blocks = 2\nrestart = \"once\"\n{SHORT}");
    let experiment = run_with(folder.path(), &head, &(server("one") + &server("two"))).unwrap();
    assert_eq!(experiment.problems, []);
    assert_eq!(experiment.runs.len(), 6);
    let cold_starts = experiment
        .runs
        .iter()
        .filter(|run| run.cold_start.is_some());
    let started: BTreeSet<&str> = cold_starts
        .map(|run| run.contender.trim_end_matches(" again"))
        .collect();
    assert_eq!(started, BTreeSet::from(["one", "two"]));
    let cold_starts = experiment
        .runs
        .iter()
        .filter(|run| run.cold_start.is_some());
    assert_eq!(cold_starts.count(), 2);
}

#[test]
fn a_sweep_goes_on_until_more_users_make_no_more_requests() {
    let folder = TempDir::new().unwrap();
    let head = format!(
        "blocks = 1\nsweep = true\nsweep_users = 8\nsweep_measure = \"600ms\"\nslo = \"p95 < 25ms\"\n{SHORT}"
    );
    let contenders = slow("slow", 100) + &slow("slower", 150);
    let experiment = run_with(folder.path(), &head, &contenders).unwrap();
    assert_eq!(experiment.problems, []);
    // The server has a sleeping thread per connection, so more users always make more requests.
    for name in ["slow", "slower"] {
        assert_eq!(swept_users(&experiment, name, 1), [1, 2, 3, 4, 6, 8]);
    }
    assert_eq!(swept_users(&experiment, "slow again", 1), Vec::<u32>::new());
    let sweeps = Analysis::of(&experiment).sweeps;
    assert_eq!(sweeps.len(), 2);
    let knee = sweeps[0].knee_per_second.unwrap().point_estimate;
    assert!(knee > 0.0 && knee <= 8.0 / 0.1, "{knee}");
    assert_eq!(sweeps[0].knee_users, Some((8, 8, 8)));
    // 150 ms are never below 25 ms.
    assert_eq!(
        (sweeps[1].slo_per_second, sweeps[1].slo_never),
        (None, (1, 1))
    );
}

#[test]
fn requests_arrive_at_the_same_rates_for_every_contender() {
    let folder = TempDir::new().unwrap();
    let head = format!("blocks = 2\nopen = [\"25%\", \"50%\"]\n{SHORT}");
    let contenders = slow("slow", 10) + &slow("slower", 30);
    let experiment = run_with(folder.path(), &head, &contenders).unwrap();
    assert_eq!(experiment.problems, []);
    let analysis = Analysis::of(&experiment);
    assert_eq!(analysis.at_rates.len(), 2);
    let slower = analysis
        .results
        .iter()
        .find(|result| result.name() == "slower");
    let capacity = slower
        .unwrap()
        .measured()
        .summary
        .total
        .successes_per_second()
        .unwrap();
    for (at_rate, share) in analysis.at_rates.iter().zip([0.25, 0.5]) {
        let RunLoad::Arrivals { per_second } = at_rate.load else {
            panic!("{:?}", at_rate.load);
        };
        assert!(
            (per_second / capacity - share).abs() < 0.01,
            "{per_second} of {capacity}"
        );
        for result in &at_rate.results {
            assert_eq!(result.measured().blocks, [1, 2], "{}", result.name());
            assert!(result.measured().summary.arrivals.is_some());
        }
    }
}

#[test]
fn an_experiment_goes_on_until_its_intervals_are_narrow_enough() {
    let folder = TempDir::new().unwrap();
    let head = format!("blocks = 1\nuntil = \"99%\"\nmax_blocks = 12\n{SHORT}");
    let contenders = slow("slow", 20) + &slow("slower", 40);
    let experiment = run_with(folder.path(), &head, &contenders).unwrap();
    // Six blocks are the fewest with an interval, and 99 % accepts an interval from half to twice the ratio.
    assert_eq!(experiment.plan.blocks, 6);
    let folder = TempDir::new().unwrap();
    let head = format!("blocks = 1\nuntil = \"0.0001%\"\nmax_blocks = 7\n{SHORT}");
    let experiment = run_with(folder.path(), &head, &contenders).unwrap();
    assert_eq!(experiment.plan.blocks, 7);
}

#[test]
fn generator_and_contenders_have_cores_of_their_own_where_that_is_wanted() {
    let cores = std::thread::available_parallelism().unwrap().get();
    if cores < 2 {
        return;
    }
    let folder = TempDir::new().unwrap();
    let head = format!("blocks = 1\ncores = \"split\"\n{SHORT}");
    let look = "sh -c 'grep Cpus_allowed_list /proc/self/status >> seen'";
    let setup = format!("directory = \"{}\"\n", folder.path().display());
    let contender = server("it");
    // The contender writes its cores to a file before it serves.
    let wrapped = contender.replace(
        "process = [",
        &format!(
            "{setup}process = [\"sh\", \"-c\", \"{}; exec \\\"$0\\\" \\\"$@\\\"\", ",
            look.replace('\'', "").replace("sh -c ", "")
        ),
    );
    let experiment = run_with(folder.path(), &head, &wrapped).unwrap();
    assert_eq!(experiment.problems, []);
    let split = experiment.plan.cores.unwrap();
    let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
    assert!(
        seen.contains(&format!("Cpus_allowed_list:\t{}\n", split.contenders)),
        "{seen} {split:?}"
    );
    assert_ne!(split.generator, split.contenders);
}

#[test]
fn a_floor_that_cannot_be_measured_is_explained() {
    let folder = TempDir::new().unwrap();
    let scenario = r#"
        name = "with a login"
        [load]
        users = 2
        [[user]]
        name = "visitor"
        [[user.on_start]]
        path = "/login"
        extract = { token = { json = "/token" } }
        [[user.task]]
        path = "/${token}"
    "#;
    std::fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
    let script = Script {
        body: Some("{\"token\":1}".to_owned()),
        ..Script::default()
    };
    let experiment = run_with(
        folder.path(),
        &format!("blocks = 1\n{SHORT}"),
        &scripted("it", &script),
    )
    .unwrap();
    assert_eq!((experiment.runs.len(), experiment.floor), (1, None));
    let why = experiment.floor_missing.unwrap();
    assert!(why.starts_with("without real answers, `"), "{why}");
}
