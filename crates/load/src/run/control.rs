//! Control of a running load.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Control that stops a running load, changes its number of users and resets its statistics.
///
/// Clones control the same load. A command is executed within 50 ms.
#[derive(Debug, Clone, Default)]
pub struct Control {
    stop: CancellationToken,
    give_up: CancellationToken,
    commands: Arc<Mutex<Vec<Command>>>,
}

/// Command to a running load.
#[derive(Debug)]
pub(crate) enum Command {
    /// Changes the number of users, which start or stop at `rate` per second.
    Users { users: u32, rate: f64 },
    /// Resets the statistics: the measured period begins now. The sender tells when the reset was executed and observed.
    Reset(oneshot::Sender<()>),
    /// Ends the warm-up.
    Begin,
}

impl Control {
    /// Control of a load that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the load. Requests in flight are waited for up to the stop timeout.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The control with a token that ends the wait for requests in flight, which are then failures without an answer.
    #[must_use]
    pub fn giving_up(self, give_up: CancellationToken) -> Self {
        Self { give_up, ..self }
    }

    /// Changes the number of users. They start or stop at `spawn_rate` per second; a rate that is not above 0 is ignored.
    pub fn set_users(&self, users: u32, spawn_rate: f64) {
        if spawn_rate.is_finite() && spawn_rate > 0.0 {
            self.ask(Command::Users {
                users,
                rate: spawn_rate,
            });
        }
    }

    /// Resets the statistics: the measured period begins now, and the timeline goes on.
    ///
    /// The receiver gets its value once the reset was observed, and an error if the load is over.
    pub fn reset(&self) -> oneshot::Receiver<()> {
        let (done, when_done) = oneshot::channel();
        self.ask(Command::Reset(done));
        when_done
    }

    /// Ends the warm-up: the measured period begins now and keeps its length. Ignored if the period has begun.
    pub fn begin_measuring(&self) {
        self.ask(Command::Begin);
    }

    /// Token that [`Control::stop`] cancels.
    pub fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// Token that ends the wait for requests in flight.
    pub(crate) fn given_up(&self) -> &CancellationToken {
        &self.give_up
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, command: Command) {
        // A panic of another thread cannot leave the list half-changed.
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(command);
    }
}

/// Control that ends its load when `stop` is cancelled.
impl From<CancellationToken> for Control {
    fn from(stop: CancellationToken) -> Self {
        Self {
            stop,
            ..Self::default()
        }
    }
}
