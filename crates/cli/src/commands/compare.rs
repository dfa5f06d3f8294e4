//! `bakeoff compare`: runs an experiment and reports its result.

mod files;
mod png;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bakeoff_compare::{CompareError, Event, ExperimentFile, ExperimentRunner, Message, Turn};
use bakeoff_record::Experiment;

use crate::args::CompareArgs;
use crate::exit::{Exit, hinted};
use crate::files::all;
use crate::output::{data, say, terminal};
use crate::progress::{Progress, Steps};
use crate::signals::stop_token;

/// Steps of the progress bar for one turn.
const STEPS: u64 = 100;

/// Runs the experiment, and writes its report to stdout and files even if it was interrupted.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Exit> {
    let file = experiment_file(args)?;
    let turn_seconds = (file.warm_up.at_least + file.measure).as_secs_f64();
    let mut runner = ExperimentRunner::new(file)?;
    let stop = stop_token()?;
    let mut preparing = Preparing::new();
    let prepared = runner.prepare(&stop, &mut |event| preparing.show(&event));
    let mut experiment = prepared.map_err(|error| match &error {
        CompareError::Unreachable { contender, .. } => {
            let hint =
                format!("start the server of {contender}, or leave {contender} out with --only");
            hinted(Exit::Environment, error, hint)
        }
        CompareError::Busy { .. } => hinted(
            Exit::Environment,
            error,
            "wait until that experiment has ended: both would share the CPU, which changes the results",
        ),
        _ => error.into(),
    })?;
    drop(preparing);
    if stop.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    if args.plan.strict {
        require_everybody(&experiment)?;
    }
    let turns = u64::from(experiment.plan.blocks) * experiment.contenders.len() as u64;
    let mut shown = Measuring {
        progress: Progress::new(turns * STEPS),
        position: 0,
        turn_seconds,
    };
    // The measurements are reported even after a panic, which is a bug of ours.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runner.run(&mut experiment, &stop, &mut |event| shown.show(&event));
    }));
    drop(shown);
    // A report without runs must not replace an earlier one.
    if !(experiment.runs.is_empty() && experiment.interrupted) {
        show_report(&experiment, args)?;
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
    let failed = files::has_any_failed(&experiment);
    Ok(if experiment.interrupted {
        Exit::Interrupted
    } else if files::is_any_beyond_a_limit(&args.gates, &experiment)
        || failed
        || !experiment.problems.is_empty()
    {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn require_everybody(experiment: &Experiment) -> anyhow::Result<()> {
    if experiment.left_out.is_empty() {
        return Ok(());
    }
    let left_out = experiment.left_out.iter();
    let names: Vec<_> = left_out.map(|left_out| left_out.name.as_str()).collect();
    Err(hinted(
        Exit::Environment,
        anyhow::anyhow!("cannot run these contenders: {}", names.join(", ")),
        "the lines above say what is missing; without --strict, the other contenders run",
    ))
}

/// Opens the experiment file and puts the values of the command line over its own.
fn experiment_file(args: &CompareArgs) -> anyhow::Result<ExperimentFile> {
    let mut file = ExperimentFile::open(&args.experiment).map_err(|error| match &error {
        CompareError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            hinted(
                Exit::Usage,
                error,
                "run the command in the folder of bakeoff.toml, or give the path of an experiment file",
            )
        }
        _ => error.into(),
    })?;
    let (plan, load) = (&args.plan, &args.load);
    file.only(&plan.only)?;
    file.blocks = plan.blocks.unwrap_or(file.blocks);
    if plan.quick {
        file.make_quick();
    }
    file.measure = load.measure.unwrap_or(file.measure);
    file.users = load.users.or(file.users);
    file.sweep |= load.sweep;
    file.slo = load.slo.or(file.slo);
    if !load.open.is_empty() {
        file.open_ratios.clone_from(&load.open);
    }
    file.until_ratio = plan.until.or(file.until_ratio);
    file.max_blocks = plan.max_blocks.unwrap_or(file.max_blocks);
    file.seed = plan.seed.unwrap_or(file.seed);
    check_blocks(&file, args)?;
    Ok(file)
}

/// Refuses an experiment file with too few blocks for a verdict. Too few blocks on the command line are only a warning.
fn check_blocks(file: &ExperimentFile, args: &CompareArgs) -> anyhow::Result<()> {
    let (Err(error), Some(fewest)) = (file.check_blocks(), file.blocks_missing()) else {
        return Ok(());
    };
    if args.plan.blocks.is_some() {
        say(&format!("warning: {error}"));
        say(&format!(
            "warning: the report will have figures, but no verdict; for a verdict, use --blocks {fewest}"
        ));
        return Ok(());
    }
    let hint = format!(
        "use --blocks {fewest}, or set `blocks = {fewest}` in {}; --blocks {} gives figures without a verdict",
        args.experiment.display(),
        file.blocks
    );
    Err(hinted(Exit::Usage, error, hint))
}

/// Writes the files of the report, the record first, and then prints the report.
fn show_report(experiment: &Experiment, args: &CompareArgs) -> anyhow::Result<()> {
    let written = files::write_all(args, experiment);
    let shown = data(&bakeoff_report::terminal::render_experiment(
        experiment,
        terminal(&io::stdout()),
    ));
    all([written, shown])
}

/// Shows the progress of the preparation.
struct Preparing {
    steps: Steps,
}

impl Preparing {
    fn new() -> Self {
        Self {
            steps: Steps::new(),
        }
    }

    fn show(&mut self, event: &Event<'_>) {
        match event.message() {
            Message::Status(step) => self.steps.set(&step),
            Message::Lines(lines) => lines.iter().for_each(|line| self.steps.say(line)),
        }
    }
}

/// Shows the progress of the turns.
struct Measuring {
    progress: Progress,
    position: u64,
    turn_seconds: f64,
}

impl Measuring {
    fn show(&mut self, event: &Event<'_>) {
        let (turn, share) = match event {
            Event::Starting(turn) => (Some(turn), 0.0),
            Event::Load(turn, progress) => {
                let share = progress.elapsed.as_secs_f64() / self.turn_seconds.max(1.0);
                (Some(turn), share)
            }
            Event::Measured(turn, _) => (Some(turn), 1.0),
            _ => (None, 0.0),
        };
        if let Some(turn) = turn {
            self.place(*turn, share);
        }
        match event.message() {
            Message::Status(what) => self.progress.set(self.position, &what),
            Message::Lines(lines) => lines.iter().for_each(|line| self.progress.say(line)),
        }
    }

    /// Moves the bar to `share` of `turn`.
    fn place(&mut self, turn: Turn<'_>, share: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 100 steps"
        )]
        let within = (share.clamp(0.0, 1.0) * STEPS as f64) as u64;
        self.progress.set_length(u64::from(turn.turns) * STEPS);
        self.position = u64::from(turn.turns_before) * STEPS + within;
    }
}
