//! Contenders with faults, and the reports about them.

use bakeoff_record::times::TimeKind;
use std::time::Duration;

use bakeoff_analysis::{Analysis, Gate, Reason};
use bakeoff_record::{Experiment, RunLoad};
use tempfile::TempDir;

use crate::setting::{Script, processes_with, run_with, scripted};

const QUICK: &str = "blocks = 2\nmeasure = \"300ms\"\nwarm_up = \"100ms\"\nbaseline = \"old\"\n";

fn slow(delay_ms: u64) -> Script {
    Script {
        delay: Duration::from_millis(delay_ms),
        ..Script::default()
    }
}

/// Reason of the gate for answers against a verdict on a contender, if any. Other gates depend on the load of this machine.
fn other_answers(experiment: &Experiment, name: &str) -> Option<Reason> {
    let results = Analysis::of(experiment).results.into_iter();
    let mut of_name = results.filter(|result| result.name() == name);
    let gates = of_name.next().unwrap().gates.into_iter();
    let mut answers = gates.filter(|reading| reading.gate == Gate::Answers);
    answers.next().unwrap().beyond
}

#[test]
fn a_faster_contender_with_other_answers_does_not_win() {
    let contenders = |body: Option<&str>| {
        let new = Script {
            body: body.map(str::to_owned),
            ..slow(5)
        };
        scripted("new", &new) + &scripted("old", &slow(30))
    };
    let head = format!("{QUICK}answers = [{{ json = \"\", equal = true }}]\n");
    // Equal answers: the gate does not object.
    let folder = TempDir::new().unwrap();
    let same = run_with(folder.path(), &head, &contenders(None)).unwrap();
    assert_eq!(other_answers(&same, "new"), None);
    let folder = TempDir::new().unwrap();
    let other = run_with(folder.path(), &head, &contenders(Some("\"42\""))).unwrap();
    let reason = other_answers(&other, "new");
    assert!(
        matches!(reason, Some(Reason::OtherAnswers { .. })),
        "{reason:?}"
    );
    assert_eq!(other.agreements[0].examples[0].actual, "\"42\"");
}

#[test]
fn a_contender_that_dies_in_its_third_block_keeps_the_others_and_what_it_did() {
    let folder = TempDir::new().unwrap();
    // It keeps running: one connection for its first correct answer, and in each block one for each of two users.
    let head =
        format!("{QUICK}restart = \"once\"\ncontrol = false\n").replace("blocks = 2", "blocks = 8");
    let dying = Script {
        dies_on_connection: Some(7),
        ..slow(5)
    };
    let contenders = scripted("dying-515151", &dying) + &scripted("old", &slow(5));
    let experiment = run_with(folder.path(), &head, &contenders).unwrap();
    assert!(!experiment.interrupted);
    let problem = &experiment.problems[0];
    assert_eq!(problem.contender, "dying-515151");
    assert_eq!(problem.block, 3);
    assert!(
        problem.what.contains("exit status: 9")
            && problem.what.contains("out of memory, says the script"),
        "{}",
        problem.what
    );
    let measured = |name: &str| {
        experiment
            .runs
            .iter()
            .filter(|run| run.contender == name)
            .count()
    };
    assert_eq!(measured("old"), 8);
    // It is started again in the fourth block and ends again in the sixth.
    let died: Vec<u32> = experiment
        .problems
        .iter()
        .map(|problem| problem.block)
        .collect();
    assert_eq!(died, [3, 6]);
    let whole = experiment
        .runs
        .iter()
        .filter(|run| run.contender == "dying-515151" && !run.measurement.interrupted);
    assert_eq!(
        whole.map(|run| run.block).collect::<Vec<_>>(),
        [1, 2, 4, 5, 7, 8]
    );
    assert_eq!(processes_with("dying-515151"), Vec::<String>::new());
}

#[test]
fn a_freeze_shows_in_the_response_times_of_all_who_arrive_meanwhile() {
    let folder = TempDir::new().unwrap();
    // The delays set the rates, not the machine: eight arrivals per second, and the freeze after six answers.
    let freezing = Script {
        freezes_after: Some(6),
        freeze: Duration::from_secs(1),
        ..slow(50)
    };
    let head = "blocks = 1\nmeasure = \"4s\"\nwarm_up = \"0s\"\nopen = [\"20%\"]\nbaseline = \"old\"\ncontrol = false\n";
    let contenders = scripted("freezing", &freezing) + &scripted("old", &slow(50));
    let experiment = run_with(folder.path(), head, &contenders).unwrap();
    assert_eq!(experiment.problems, []);
    let frozen = experiment
        .runs
        .iter()
        .find(|run| run.contender == "freezing" && matches!(run.load, RunLoad::Arrivals { .. }));
    let times = &frozen.unwrap().measurement.requests[0].times[TimeKind::Response];
    assert!(times.max().unwrap() >= Duration::from_secs(1));
    // Arrivals during the freeze waited, too. A user who waits for each answer would have had one slow request.
    let waited = times.share_above(Duration::from_millis(200)) * times.count() as f64;
    assert!(waited.round() >= 2.0, "{waited}");
}
