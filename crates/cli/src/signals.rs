//! Signals that end the program.

use std::sync::Arc;
use std::thread;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::output::say;

/// Stop requests to a load test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping {
    /// Cancelled by the first ctrl-C, SIGTERM or SIGHUP: send no more requests, and wait for answers.
    pub(crate) stop: CancellationToken,
    /// Cancelled by the second signal: do not wait for answers. The measurements so far are reported.
    pub(crate) give_up: CancellationToken,
}

/// Returns a token that ctrl-C, SIGTERM and SIGHUP cancel. A second signal ends the program at once. The next experiment then
/// ends the contenders that are still running.
pub(crate) fn stop_token() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let told = token.clone();
    in_thread(async move |mut signals| {
        signals.any().await;
        say(
            "stopping: the measurements so far will be reported; press ctrl-C again to exit without a report",
        );
        told.cancel();
        signals.any().await;
        end_at_once();
    })?;
    Ok(token)
}

/// Listens to signals for a load test, and prints the effect of each. The third signal ends the program at once.
pub(crate) fn stopping() -> anyhow::Result<Stopping> {
    let heard = Stopping::default();
    let told = heard.clone();
    in_thread(async move |mut signals| {
        signals.any().await;
        say("stopping: waiting for answers; press ctrl-C again to stop waiting");
        told.stop.cancel();
        signals.any().await;
        say("stopping: not waiting for answers; press ctrl-C again to exit without a report");
        told.give_up.cancel();
        signals.any().await;
        end_at_once();
    })?;
    Ok(heard)
}

#[expect(clippy::exit, reason = "the user has asked twice")]
fn end_at_once() -> ! {
    std::process::exit(Exit::Interrupted.code().into())
}

/// Signals to a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerSignals {
    /// Cancelled by the first ctrl-C or SIGTERM: answer the requests in flight, then end.
    pub(crate) stop: CancellationToken,
    /// Cancelled by the second one: end at once.
    pub(crate) end: CancellationToken,
    /// Notified by SIGHUP.
    pub(crate) reload: Arc<Notify>,
}

/// Effect of SIGHUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// No effect: the server survives the end of its terminal.
    Ignored,
    /// The file with API keys is read again.
    Reloads,
}

/// Listens to signals for a server.
pub(crate) fn server_signals(hang_up: HangUp) -> anyhow::Result<ServerSignals> {
    let heard = ServerSignals::default();
    let told = heard.clone();
    in_thread(async move |mut signals| {
        loop {
            let signal = signals.any().await;
            if signal == SignalKind::hangup() {
                match hang_up {
                    HangUp::Reloads => told.reload.notify_one(),
                    HangUp::Ignored => {
                        tracing::info!("SIGHUP ignored: there is no file with API keys to reload");
                    }
                }
            } else if told.stop.is_cancelled() {
                told.end.cancel();
            } else {
                told.stop.cancel();
            }
        }
    })?;
    Ok(heard)
}

/// Signals of users and supervisors, caught so that they do not end the program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Waits for the next signal.
    async fn any(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hang_up.recv() => SignalKind::hangup(),
        }
    }
}

/// Runs `listen` on a thread of its own until the program ends.
fn in_thread<F>(listen: impl FnOnce(Signals) -> F) -> anyhow::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    // Registered before the thread starts, so that no signal is missed.
    let signals = {
        let _inside = runtime.enter();
        Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        }
    };
    let listen = listen(signals);
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(listen))
        .context("cannot start the thread for signals")?;
    Ok(())
}
