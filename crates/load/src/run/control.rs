//! The hand on a running load.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Stops a running load, changes how many users it has, and lets its figures begin anew.
///
/// Clones act on the same load. What is asked for is done within a twentieth of a second.
#[derive(Debug, Clone, Default)]
pub struct Control {
    stop: CancellationToken,
    give_up: CancellationToken,
    commands: Arc<Mutex<Vec<Command>>>,
}

/// What can be asked of a running load.
#[derive(Debug)]
pub(crate) enum Command {
    /// From now on so many users, started or stopped at so many per second.
    Users { users: u32, rate: f64 },
    /// What is planned from now on is measured, and nothing before; said when it was done and shown.
    Reset(oneshot::Sender<()>),
    /// The warm-up is over.
    Begin,
}

impl Control {
    /// A control of a load that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the load; requests in flight are waited for up to the stop timeout.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The same control, which gives up waiting for requests in flight when `give_up` is cancelled: they are failures
    /// without an answer then.
    #[must_use]
    pub fn giving_up(self, give_up: CancellationToken) -> Self {
        Self { give_up, ..self }
    }

    /// Asks for `users`, started or stopped at `spawn_rate` per second. A rate that is not above zero is ignored.
    pub fn set_users(&self, users: u32, spawn_rate: f64) {
        if spawn_rate.is_finite() && spawn_rate > 0.0 {
            self.ask(Command::Users {
                users,
                rate: spawn_rate,
            });
        }
    }

    /// Lets the measured period begin anew; the timeline goes on.
    ///
    /// The receiver gets its value when observers have seen figures that began anew; none comes from a load that is over.
    pub fn reset(&self) -> oneshot::Receiver<()> {
        let (done, when_done) = oneshot::channel();
        self.ask(Command::Reset(done));
        when_done
    }

    /// Ends the warm-up: the measured period begins now, for as long as it was meant to be. Ignored when it has begun.
    pub fn begin_measuring(&self) {
        self.ask(Command::Begin);
    }

    /// The token that [`Control::stop`] cancels.
    pub fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// The token that ends the wait for requests in flight.
    pub(crate) fn given_up(&self) -> &CancellationToken {
        &self.give_up
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, command: Command) {
        // A list of commands is whole whatever happened to the thread that held it.
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(command);
    }
}

/// A control that ends its load when `stop` is cancelled.
impl From<CancellationToken> for Control {
    fn from(stop: CancellationToken) -> Self {
        Self {
            stop,
            ..Self::default()
        }
    }
}
