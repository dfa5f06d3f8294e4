//! `bakeoff compare`: the main job.

mod files;
mod png;

use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bakeoff_compare::{CompareError, Comparison, Event, ExperimentFile, Said, Turn};
use bakeoff_record::Experiment;
use bakeoff_report::terminal::Terminal;

use crate::args::CompareArgs;
use crate::exit::{Exit, hinted};
use crate::files::all;
use crate::output::{data, say};
use crate::progress::{Progress, Steps};
use crate::signals::stop_token;

/// Steps of the progress bar in one turn.
const STEPS: u64 = 100;
/// Columns where there is no terminal to ask.
const DEFAULT_WIDTH: u16 = 140;

/// Runs the experiment and shows its report on stdout and in files, whatever ended it.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Exit> {
    let file = experiment_file(args)?;
    let turn_seconds = (file.warm_up.at_least + file.measure).as_secs_f64();
    let mut comparison = Comparison::new(file)?;
    let stop = stop_token()?;
    let mut preparing = Preparing::new();
    let prepared = comparison.prepare(&stop, &mut |event| preparing.show(&event));
    let mut experiment = prepared.map_err(|error| match &error {
        CompareError::Unreachable { contender, .. } => {
            let hint =
                format!("start the server of {contender}, or leave {contender} out with --only");
            hinted(Exit::Environment, error, hint)
        }
        CompareError::Busy { .. } => hinted(
            Exit::Environment,
            error,
            "wait until it has ended: each would take the other's processor time",
        ),
        _ => error.into(),
    })?;
    drop(preparing);
    if stop.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    if args.strict {
        require_everybody(&experiment)?;
    }
    let turns = u64::from(experiment.plan.blocks) * experiment.contenders.len() as u64;
    let mut shown = Measuring {
        progress: Progress::new(turns * STEPS),
        position: 0,
        turn_seconds,
    };
    // Whatever happens, even a bug of ours, what was measured is reported.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        comparison.run(&mut experiment, &stop, &mut |event| shown.show(&event));
    }));
    drop(shown);
    // A report of nothing would only take the place of the one before.
    if !(experiment.runs.is_empty() && experiment.interrupted) {
        show_report(&experiment, args)?;
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
    let failed = files::has_any_failed(&experiment);
    Ok(if experiment.interrupted {
        Exit::Interrupted
    } else if files::is_any_beyond_a_limit(args, &experiment)
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
        anyhow::anyhow!("cannot take part: {}", names.join(", ")),
        "the lines above say what would bring them in; without --strict the rest runs",
    ))
}

/// The experiment file with the command line's wishes.
fn experiment_file(args: &CompareArgs) -> anyhow::Result<ExperimentFile> {
    let mut file = ExperimentFile::open(&args.experiment).map_err(|error| match &error {
        CompareError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            hinted(
                Exit::Usage,
                error,
                "run it where bakeoff.toml lies, or name an experiment file",
            )
        }
        _ => error.into(),
    })?;
    file.only(&args.only)?;
    file.blocks = args.blocks.unwrap_or(file.blocks);
    if args.quick {
        file.make_quick();
    }
    file.measure = args.measure.unwrap_or(file.measure);
    file.users = args.users.or(file.users);
    file.sweep |= args.sweep;
    file.slo = args.slo.or(file.slo);
    if !args.open.is_empty() {
        file.open_ratios.clone_from(&args.open);
    }
    file.until_ratio = args.until.or(file.until_ratio);
    file.max_blocks = args.max_blocks.unwrap_or(file.max_blocks);
    file.seed = args.seed.unwrap_or(file.seed);
    check_blocks(&file, args)?;
    Ok(file)
}

/// Refuses a plan that cannot come to a verdict before anything is started. Whoever asks for so few blocks on the command line
/// gets the figures, and is told that there will be no verdict.
fn check_blocks(file: &ExperimentFile, args: &CompareArgs) -> anyhow::Result<()> {
    let (Err(error), Some(fewest)) = (file.check_blocks(), file.blocks_missing()) else {
        return Ok(());
    };
    if args.blocks.is_some() {
        say(&format!("warning: {error}"));
        say(&format!(
            "warning: there will be figures and no verdict; for one, use --blocks {fewest}"
        ));
        return Ok(());
    }
    let hint = format!(
        "use --blocks {fewest}, or write `blocks = {fewest}` into {}; --blocks {} gives the figures without a verdict",
        args.experiment.display(),
        file.blocks
    );
    Err(hinted(Exit::Usage, error, hint))
}

/// Writes every form of the report, the record first, and then says what came of it.
fn show_report(experiment: &Experiment, args: &CompareArgs) -> anyhow::Result<()> {
    let written = files::write_all(args, experiment);
    let shown = data(&bakeoff_report::terminal::render_experiment(
        experiment,
        terminal(&io::stdout()),
    ));
    all([written, shown])
}

/// What `stream` can show: its width, and colours where it is a terminal and `NO_COLOR` does not forbid them.
pub(crate) fn terminal(stream: &impl IsTerminal) -> Terminal {
    let colors_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = console::Term::stdout()
        .size_checked()
        .map_or(DEFAULT_WIDTH, |(_, columns)| columns);
    Terminal {
        width,
        color: stream.is_terminal() && colors_wanted,
    }
}

/// Shows how contenders are made ready.
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
        match event.said() {
            Said::Now(step) => self.steps.set(&step),
            Said::News(lines) => lines.iter().for_each(|line| self.steps.say(line)),
        }
    }
}

/// Shows the turns.
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
        match event.said() {
            Said::Now(what) => self.progress.set(self.position, &what),
            Said::News(lines) => lines.iter().for_each(|line| self.progress.say(line)),
        }
    }

    /// Where in the experiment a turn is of which `share` is done.
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
