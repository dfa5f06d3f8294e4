//! Start of a contender, and the wait for its first correct answer.

use std::time::{Duration, Instant};

use bakeoff_load::{Connecting, Get, GetError, LoadError, NotCorrect, with_causes};
use tokio_util::sync::CancellationToken;

use crate::contender::prepared::Prepared;
use crate::contender::{Running, StartError};
use crate::experiment::ExperimentRunner;
use crate::plain::plain;
use crate::runtime::{NoRuntime, block_on};

/// Time between two requests to a contender that is not ready yet.
const READY_POLL: Duration = Duration::from_millis(10);
/// Longest time of one request to the `ready` path.
const READY_REQUEST_TIME: Duration = Duration::from_secs(5);
/// Shortest time limit of a request to a contender that is not ready yet.
const SHORTEST_TIME_LIMIT: Duration = Duration::from_secs(2);

/// A contender that runs and answers correctly.
pub(super) struct Started {
    /// Process, container or server of the contender.
    pub(super) running: Box<dyn Running>,
    /// Time from its start to its first correct answer, until a run takes it; `None` for a server that ran already.
    pub(super) cold_start: Option<Duration>,
    /// Mean time of one request of the first correct answers.
    pub(super) service_time: Duration,
}

/// Reason why a contender was not started or gave no correct answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotStarted {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("not ready within {}: {why}", humantime::format_duration(*limit))]
    Late { limit: Duration, why: Unready },
    #[error("{how} before it was ready")]
    Ended { how: String },
    #[error("{how}, and something else answers at its address")]
    Replaced { how: String },
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Never(Unready),
    #[error("{}", with_log(&with_causes(error), lines))]
    WithLog { error: Box<Self>, lines: String },
}

/// Reason why a contender does not answer correctly now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unready {
    #[error("GET {path} was not answered with 200 ({why})")]
    NotReady { path: String, why: String },
    #[error("no answer")]
    NoAnswer,
    #[error("no correct answer to request `{request}`: {cause}")]
    WrongAnswer { request: String, cause: String },
    #[error("{}", with_causes(.0))]
    NeverSent(LoadError),
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
    #[error("stopped")]
    Stopped,
}

impl ExperimentRunner {
    /// Starts a contender and waits for its first correct answer. `waiting` is called with each new reason for the wait.
    pub(super) fn start(
        &self,
        contender: &Prepared,
        stop: &CancellationToken,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Started, NotStarted> {
        let began = Instant::now();
        let mut running = contender.start(self.cores.as_ref())?;
        let service_time = self
            .wait_until_correct(contender, running.as_mut(), stop, waiting)
            .map_err(|error| NotStarted::WithLog {
                error: Box::new(error),
                lines: running.last_lines(),
            })?;
        let ran_already = contender.config.running_at().is_some();
        Ok(Started {
            running,
            cold_start: (!ran_already).then(|| began.elapsed()),
            service_time,
        })
    }

    /// Waits until the `ready` path of the contender, if it has one, answers 200, and every task is answered correctly.
    /// Returns the mean time of a request.
    fn wait_until_correct(
        &self,
        contender: &Prepared,
        running: &mut dyn Running,
        stop: &CancellationToken,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Duration, NotStarted> {
        let mut reported = String::new();
        let limit = contender.config.ready_timeout;
        let deadline = Instant::now() + limit;
        let ready = contender.config.ready.as_deref();
        let service_time = loop {
            let asked = self
                .check_ready(running.address(), ready, deadline, stop)
                .and_then(|()| self.first_answer(running.address(), deadline, stop));
            let why = match asked {
                Ok(time) => break time,
                Err(why) if why.may_pass(ready.is_some()) => why,
                Err(Unready::Stopped) => return Err(NotStarted::Stopped),
                Err(why) => return Err(NotStarted::Never(why)),
            };
            if let Some(how) = running.ended() {
                return Err(NotStarted::Ended { how });
            }
            if stop.is_cancelled() {
                return Err(NotStarted::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(NotStarted::Late { limit, why });
            }
            let reason = why.to_string();
            if reason != reported {
                let limit = humantime::format_duration(limit);
                waiting(&format!("waiting for up to {limit}: {}", plain(&reason)));
                reported = reason;
            }
            std::thread::sleep(READY_POLL);
        };
        running
            .ended()
            .map_or(Ok(service_time), |how| Err(NotStarted::Replaced { how }))
    }

    /// Requests the `ready` path of a contender. `Ok` without such a path, and if the answer is 200.
    fn check_ready(
        &self,
        address: &str,
        path: Option<&str>,
        deadline: Instant,
        stop: &CancellationToken,
    ) -> Result<(), Unready> {
        let Some(path) = path else { return Ok(()) };
        let request = Get {
            host: address,
            path,
            time_limit: time_left(deadline).min(READY_REQUEST_TIME),
            body_limit: None,
        };
        let connecting: &Connecting = self.scenario.connecting();
        let asked = stop.run_until_cancelled(bakeoff_load::get(connecting, &request));
        let why = match block_on(asked)? {
            None => return Err(Unready::Stopped),
            Some(Err(GetError::Load(error))) => return Err(Unready::NeverSent(error)),
            Some(Ok(answer)) if answer.status == 200 => return Ok(()),
            Some(Ok(answer)) => format!("status {}", answer.status),
            Some(Err(error)) => error.to_string(),
        };
        let path = path.to_owned();
        Err(Unready::NotReady { path, why })
    }

    /// Sends one request of each task and checks the answers. Returns the mean time of a request.
    fn first_answer(
        &self,
        address: &str,
        deadline: Instant,
        stop: &CancellationToken,
    ) -> Result<Duration, Unready> {
        let began = Instant::now();
        let limit = time_left(deadline);
        let check = bakeoff_load::check_once(&self.scenario, address, limit);
        // The limit of the check is for requests alone, not for the lookup of the name.
        let check = async { tokio::time::timeout(limit + SHORTEST_TIME_LIMIT, check).await };
        match block_on(stop.run_until_cancelled(check))? {
            None => Err(Unready::Stopped),
            Some(Err(_)) => Err(Unready::NoAnswer),
            Some(Ok(Ok(requests))) => Ok(began.elapsed() / requests.max(1)),
            Some(Ok(Err(NotCorrect::Load(error)))) => Err(Unready::NeverSent(error)),
            Some(Ok(Err(NotCorrect::Answer { request, cause }))) => {
                Err(Unready::WrongAnswer { request, cause })
            }
        }
    }
}

impl Unready {
    /// `true` if the next request may be answered correctly. A contender that has told that it is ready has to answer
    /// correctly at once.
    fn may_pass(&self, told_ready: bool) -> bool {
        match self {
            Self::NotReady { .. } | Self::NoAnswer => true,
            Self::WrongAnswer { .. } => !told_ready,
            Self::NeverSent(_) | Self::NoRuntime(_) | Self::Stopped => false,
        }
    }
}

/// Time limit of a request: the time until the deadline, and at least [`SHORTEST_TIME_LIMIT`], so that a failure close to the
/// deadline has a reason other than the deadline.
fn time_left(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    left.max(SHORTEST_TIME_LIMIT)
}

/// `what` with the last lines of the contender's log, if it has any.
pub(super) fn with_log(what: &str, lines: &str) -> String {
    if lines.is_empty() {
        return what.to_owned();
    }
    format!("{what}; its last log lines:\n{lines}")
}
