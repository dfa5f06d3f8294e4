//! Signals that ask the program to end.

use std::sync::Arc;
use std::thread;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::output::say;

/// Signals to a load test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping {
    /// The first ctrl-C, SIGTERM or SIGHUP: begin nothing more, and wait for what is under way.
    pub(crate) stop: CancellationToken,
    /// The second: wait no longer. What was measured is reported.
    pub(crate) give_up: CancellationToken,
}

/// A token that ctrl-C, SIGTERM and SIGHUP cancel. The second one ends the program as it is: contenders that an experiment
/// has started are then ended by the next one.
pub(crate) fn stop_token() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let told = token.clone();
    in_thread(async move |mut signals| {
        signals.any().await;
        say("stopping: what was measured is reported; press ctrl-C again to end without a report");
        told.cancel();
        signals.any().await;
        end_at_once();
    })?;
    Ok(token)
}

/// Listens to signals for a load test, and says what they do. The third one ends the program as it is.
pub(crate) fn stopping() -> anyhow::Result<Stopping> {
    let heard = Stopping::default();
    let told = heard.clone();
    in_thread(async move |mut signals| {
        signals.any().await;
        say("stopping: waiting for answers; press ctrl-C again to wait no longer");
        told.stop.cancel();
        signals.any().await;
        say("stopping: waiting no longer; press ctrl-C again to end without a report");
        told.give_up.cancel();
        signals.any().await;
        end_at_once();
    })?;
    Ok(heard)
}

#[expect(
    clippy::exit,
    reason = "whoever asks for it twice does not want to wait"
)]
fn end_at_once() -> ! {
    std::process::exit(Exit::Interrupted.code().into())
}

/// What a server hears of signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerSignals {
    /// The first ctrl-C or SIGTERM: finish what is there.
    pub(crate) stop: CancellationToken,
    /// The second: end at once.
    pub(crate) end: CancellationToken,
    /// SIGHUP.
    pub(crate) reload: Arc<Notify>,
}

/// What SIGHUP is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// Nothing: the terminal may go, the server stays.
    Ignored,
    /// What was read at the start is read again.
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
                        tracing::info!("SIGHUP ignored: there are no API keys to read again");
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

/// The signals that people and supervisors send, caught instead of ending the program.
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

/// Runs `listen` in a thread of its own, for as long as the program lives.
fn in_thread<F>(listen: impl FnOnce(Signals) -> F) -> anyhow::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    // Registered before the thread starts, so that no signal is missed from here on.
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
        .context("cannot start a thread")?;
    Ok(())
}
