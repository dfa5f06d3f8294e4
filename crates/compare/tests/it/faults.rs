//! What goes wrong with contenders, and what is said of it.

use std::time::Duration;

use bakeoff_report::{Analysis, Experiment, Reason, RunLoad, Verdict};
use tempfile::TempDir;

use crate::setting::{Script, processes_with, run_with, scripted};

const QUICK: &str = "blocks = 6\nmeasure = \"300ms\"\nwarm_up = \"100ms\"\nbaseline = \"old\"\n";

fn slow(delay_ms: u64) -> Script {
    Script {
        delay: Duration::from_millis(delay_ms),
        ..Script::default()
    }
}

fn verdict(experiment: &Experiment, name: &str) -> Verdict {
    // What other tests and other processes take of this machine is no fault of these contenders.
    let mut experiment = experiment.clone();
    for run in &mut experiment.runs {
        run.generator = None;
        run.measurement.wake_up_delays.clear();
    }
    let results = Analysis::of(&experiment).results.into_iter();
    let mut of_name = results.filter(|result| result.contender.name == name);
    of_name.next().unwrap().verdict
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
    // The same answer is quicker, and that counts.
    let folder = TempDir::new().unwrap();
    let same = run_with(folder.path(), &head, &contenders(None)).unwrap();
    assert_eq!(verdict(&same, "new"), Verdict::Better);
    let folder = TempDir::new().unwrap();
    let other = run_with(folder.path(), &head, &contenders(Some("\"42\""))).unwrap();
    let Verdict::NotMeasurable(obstacle) = verdict(&other, "new") else {
        panic!("{:?}", verdict(&other, "new"));
    };
    assert!(
        matches!(obstacle.reason, Reason::OtherAnswers { .. }),
        "{obstacle}"
    );
    assert_eq!(other.agreements[0].examples[0].actual, "\"42\"");
}

#[test]
fn a_contender_that_dies_in_its_third_block_keeps_the_others_and_what_it_did() {
    let folder = TempDir::new().unwrap();
    // Kept running from block to block: one connection shows that it answers, and each block has one for each of two users.
    let head =
        format!("{QUICK}restart = \"once\"\ncontrol = false\n").replace("blocks = 6", "blocks = 8");
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
    // It is started again in the fourth block, and dies again in the sixth.
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
    let freezing = Script {
        freezes_after: Some(40),
        freeze: Duration::from_millis(500),
        ..slow(5)
    };
    let head =
        "blocks = 1\nmeasure = \"2s\"\nwarm_up = \"0s\"\nopen = [\"20%\"]\nbaseline = \"old\"\n";
    let contenders = scripted("freezing", &freezing) + &scripted("old", &slow(5));
    let experiment = run_with(folder.path(), head, &contenders).unwrap();
    assert_eq!(experiment.problems, []);
    let frozen = experiment
        .runs
        .iter()
        .find(|run| run.contender == "freezing" && matches!(run.load, RunLoad::Arrivals { .. }));
    let RunLoad::Arrivals { per_second } = frozen.unwrap().load else {
        unreachable!("it was looked for by its load");
    };
    let times = &frozen.unwrap().measurement.requests[0].response_times;
    let arrived_meanwhile = per_second * 0.5 / times.count() as f64;
    assert!(times.max().unwrap() >= Duration::from_millis(400));
    // Half of those who arrived while it was frozen waited for half of it or longer.
    let waited_half = times.quantile(1.0 - arrived_meanwhile / 2.0 * 0.6).unwrap();
    assert!(waited_half >= Duration::from_millis(200), "{waited_half:?}");
}
