//! Progress of long work on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of steps whose number and length are unknown.
#[derive(Debug)]
pub(crate) struct Steps {
    spinner: ProgressBar,
    last: String,
}

impl Steps {
    /// No step yet.
    pub(crate) fn new() -> Self {
        let spinner = ProgressBar::with_draw_target(None, target());
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self {
            spinner,
            last: String::new(),
        }
    }

    /// Says what is being done.
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

/// The progress of work whose total is known.
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
    /// Work of `length` steps. `{pos}` and the time left come from [`Progress::set`].
    pub(crate) fn new(length: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), target());
        let style =
            ProgressStyle::with_template("{bar:30} {percent:>3} %  {eta:>4} left  {wide_msg}");
        bar.set_style(style.expect("the template is a constant"));
        let plain = bar.is_hidden().then_some(PlainLines { last: None });
        Self { bar, plain }
    }

    /// The work is of so many steps after all.
    pub(crate) fn set_length(&self, length: u64) {
        self.bar.set_length(length);
    }

    /// Says how far the work is, and what is being done.
    pub(crate) fn set(&mut self, position: u64, message: &str) {
        self.bar.set_position(position);
        self.bar.set_message(message.to_owned());
        if let Some(plain) = &mut self.plain
            && plain.last.is_none_or(|last| last.elapsed() >= LINE_EVERY)
        {
            plain.last = Some(Instant::now());
            let length = self.bar.length().unwrap_or(1).max(1);
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
