//! `bakeoff serve`: answers questions until a signal ends it.

use std::sync::Arc;

use anyhow::Context;
use bakeoff_qa::QuestionAnswering;
use bakeoff_serve::{Drained, ServeError, Server, Signals};
use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, ServeArgs};
use crate::exit::{Exit, hinted};
use crate::model;
use crate::output::say;
use crate::signals::{HangUp, ServerSignals, server_signals};

/// Serves the model of `args` until a signal, and answers the requests in flight before it returns.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    log_to_stderr(args.watch.log_format);
    log_panics();
    let config = args.config();
    let signals = server_signals(match config.access.api_key_file {
        Some(_) => HangUp::Reloads,
        None => HangUp::Ignored,
    })?;
    let model = model::open(&args.model, config.threads)?;
    warn_of_unknown_tokens(&model);
    // Connections cost little compared with inference: one thread serves them, and the workers use the cores.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let ServerSignals { stop, end, reload } = signals;
    let served = async {
        let mut server = Server::bind(&args.host, args.port)
            .await
            .map_err(with_hint)?;
        announce(args, &mut server, &model).await?;
        let asked = Signals {
            shutdown: stop,
            reload,
        };
        let drained = server.run(&config, Arc::new(model), asked).await;
        if drained.map_err(with_hint)? == Drained::CutShort {
            tracing::warn!("the time for draining ended before all requests were answered");
        }
        Ok(Exit::Done)
    };
    runtime.block_on(async {
        tokio::select! {
            served = served => served,
            () = end.cancelled() => Ok(Exit::Interrupted),
        }
    })
}

/// Environment variable with the filter of log lines.
const LOG_FILTER: &str = "BAKEOFF_LOG";

/// Starts logging to stderr, filtered by `BAKEOFF_LOG`.
fn log_to_stderr(format: LogFormat) {
    let asked = std::env::var(LOG_FILTER).unwrap_or_default();
    let default = || EnvFilter::new("info");
    let (filter, wrong) = match EnvFilter::try_new(&asked) {
        _ if asked.is_empty() => (default(), None),
        Ok(filter) => (filter, None),
        Err(error) => (default(), Some(error)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(console::colors_enabled_stderr())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    if let Some(error) = wrong {
        tracing::warn!(%error, "cannot use the value of {LOG_FILTER}; the level is info instead");
    }
}

/// Logs panics with their place only, because their message may contain the text of a request.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "panicked");
    }));
}

/// Warns of tokens that the model does not know.
fn warn_of_unknown_tokens(model: &QuestionAnswering) {
    let unknown = model.unknown_tokens();
    if !unknown.is_empty() {
        // One example shows their kind.
        tracing::warn!(
            tokens = unknown.len(),
            first = unknown.first(),
            "the tokenizer has tokens that the model does not have; texts with one of them are rejected"
        );
    }
}

/// Opens the private listener, if it is configured, and prints the addresses of the server.
async fn announce(
    args: &ServeArgs,
    server: &mut Server,
    model: &QuestionAnswering,
) -> anyhow::Result<()> {
    let metrics = match args.watch.metrics_port {
        Some(port) => {
            let bound = server.bind_metrics(&args.watch.metrics_host, port).await;
            Some(bound.map_err(with_hint)?)
        }
        None => None,
    };
    let address = server.address();
    match args.watch.log_format {
        LogFormat::Text => {
            let model = model.name();
            say(&format!(
                "{model} answers at http://{address}/question_answering, documented at /docs"
            ));
            if let Some(metrics) = metrics {
                say(&format!("metrics are at http://{metrics}/metrics"));
            }
        }
        // With JSON, stderr has JSON lines only.
        LogFormat::Json => {
            let metrics = metrics.map(|metrics| format!("http://{metrics}/metrics"));
            tracing::info!(
                model = model.name(),
                url = format!("http://{address}/question_answering"),
                metrics,
                "listening"
            );
        }
    }
    Ok(())
}

fn with_hint(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Listen { .. } => hinted(
            Exit::Environment,
            error,
            "another server may use the port; choose another one with --port or --metrics-port",
        ),
        ServeError::ReadApiKeys { .. }
        | ServeError::InvalidApiKey { .. }
        | ServeError::NoApiKey { .. } => hinted(
            Exit::Usage,
            error,
            "--api-key-file takes a file with one key per line; `openssl rand -hex 32` makes a good key",
        ),
        ServeError::InvalidOrigin { .. } => hinted(
            Exit::Usage,
            error,
            "--cors-origin takes a scheme, a host and an optional port, as browsers send them, without a path or a final slash",
        ),
        ServeError::WarmUp(_) => hinted(
            Exit::Usage,
            error,
            "check that the weights and the tokenizer in the folder belong to the same model",
        ),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::panic;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Logged lines.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn panics_are_logged_by_their_place_without_what_they_say() {
        let log = Log::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .finish();
        let before = panic::take_hook();
        log_panics();
        let caught = tracing::subscriber::with_default(lines, || {
            panic::catch_unwind(|| panic!("a {} question", "secret"))
        });
        panic::set_hook(before);
        assert!(caught.is_err());
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "panicked");
        assert!(
            line["place"].as_str().unwrap().contains("serve.rs:"),
            "{line}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
}
