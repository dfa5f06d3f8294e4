//! Progress of long work on stderr: a bar on a terminal, else a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress of steps whose number and length are unknown.
#[derive(Debug)]
pub(crate) struct Steps {
    spinner: ProgressBar,
    last: String,
}

impl Steps {
    /// Starts a spinner without a step.
    pub(crate) fn new() -> Self {
        let spinner = ProgressBar::with_draw_target(None, target());
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self {
            spinner,
            last: String::new(),
        }
    }

    /// Shows the current step.
    pub(crate) fn set(&mut self, step: &str) {
        if self.spinner.is_hidden() && self.last != step {
            output::say(step);
        }
        step.clone_into(&mut self.last);
        self.spinner.set_message(step.to_owned());
    }

    /// Prints a line that stays.
    pub(crate) fn say(&self, line: &str) {
        self.spinner.suspend(|| output::say(line));
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}

/// Progress of work whose total is known.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: Option<PlainLines>,
}

#[derive(Debug)]
struct PlainLines {
    last: Option<Instant>,
}

impl Progress {
    /// Starts a bar for work of `length` steps.
    pub(crate) fn new(length: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), target());
        let style =
            ProgressStyle::with_template("{bar:30} {percent:>3} %  {eta:>4} left  {wide_msg}");
        bar.set_style(style.expect("the template is a constant"));
        let plain = bar.is_hidden().then_some(PlainLines { last: None });
        Self { bar, plain }
    }

    /// Changes the number of steps.
    pub(crate) fn set_length(&self, length: u64) {
        self.bar.set_length(length);
    }

    /// Shows the number of finished steps and the current work.
    pub(crate) fn set(&mut self, position: u64, message: &str) {
        self.bar.set_position(position);
        self.bar.set_message(message.to_owned());
        if let Some(plain) = &mut self.plain
            && plain.last.is_none_or(|last| last.elapsed() >= LINE_EVERY)
        {
            plain.last = Some(Instant::now());
            let length = self.bar.length().expect("the bar has a length").max(1);
            let left = match self.bar.eta() {
                Duration::ZERO => String::new(),
                left => format!("  {} left", indicatif::FormattedDuration(left)),
            };
            output::say(&format!(
                "{:>3} %{left}  {message}",
                position * 100 / length
            ));
        }
    }

    /// Prints a line that stays.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| output::say(line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}
