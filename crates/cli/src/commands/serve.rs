//! `bakeoff serve`: answers questions until it is asked to end.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context;
use bakeoff_qa::{ModelOptions, QuestionAnswering};
use bakeoff_serve::{Drained, ServeError, Server, Signals};
use tracing_subscriber::EnvFilter;

use crate::args::{LogFormat, ModelArgs, ServeArgs};
use crate::commands::model::folder_of;
use crate::exit::{Exit, hinted};
use crate::output::say;
use crate::signals::{HangUp, ServerSignals, server_signals};

/// Serves the model of `args` until a signal, and answers what is in flight before it returns.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    log_to_stderr(args.watch.log_format);
    log_panics();
    let config = args.config();
    let signals = server_signals(match config.access.api_key_file {
        Some(_) => HangUp::Reloads,
        None => HangUp::Ignored,
    })?;
    let model = open_model(&args.model, config.threads)?;
    warn_of_unknown_tokens(&model);
    // Connections are cheap beside inference: one thread carries them, the cores are the workers'.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
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
            tracing::warn!("some requests were still unanswered when the time to drain was over");
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

/// The variable that says what is logged.
const LOG_FILTER: &str = "BAKEOFF_LOG";

/// Lines for what happens, as much as `BAKEOFF_LOG` asks for.
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
        tracing::warn!(%error, "cannot use the variable {LOG_FILTER}, it is taken for info");
    }
}

/// Has panics logged by their place alone: what they say may hold a request's text.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "panicked");
    }));
}

/// Says which texts the model cannot answer questions about.
fn warn_of_unknown_tokens(model: &QuestionAnswering) {
    let unknown = model.unknown_tokens();
    if !unknown.is_empty() {
        // One of them is enough to see what they are.
        tracing::warn!(
            tokens = unknown.len(),
            first = unknown.first(),
            "the tokenizer knows tokens that the model does not; texts with one of them are refused"
        );
    }
}

/// Opens the private listener, if there is to be one, and says where the server is.
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
        // Whoever reads objects gets nothing else.
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

/// The model that `args` name, or the bundled one, for calls from up to `threads` threads.
pub(crate) fn open_model(
    args: &ModelArgs,
    threads: NonZeroUsize,
) -> anyhow::Result<QuestionAnswering> {
    let options = ModelOptions {
        weights: args.weights.map(Into::into),
        dtype: args.dtype,
        isa: args.isa,
        threads,
    };
    Ok(match args.model.as_deref() {
        Some(model) => QuestionAnswering::open_with(&folder_of(model)?, &options)?,
        #[cfg(feature = "bundled-model")]
        None => QuestionAnswering::embedded_with(&options)?,
        #[cfg(not(feature = "bundled-model"))]
        None => QuestionAnswering::open_with(std::path::Path::new("."), &options)?,
    })
}

fn with_hint(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Listen { .. } => hinted(
            Exit::Environment,
            error,
            "another server may be running; choose a port with --port, or --metrics-port",
        ),
        ServeError::ReadApiKeys { .. }
        | ServeError::InvalidApiKey { .. }
        | ServeError::NoApiKey { .. } => hinted(
            Exit::Usage,
            error,
            "--api-key-file names a file with one key a line; `openssl rand -hex 32` makes a good one",
        ),
        ServeError::InvalidOrigin { .. } => hinted(
            Exit::Usage,
            error,
            "--cors-origin takes scheme, host and maybe port, as browsers send them: no path, no slash at the end",
        ),
        ServeError::WarmUp(_) => hinted(
            Exit::Usage,
            error,
            "weights and tokenizer of the model folder may not belong together",
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

    /// What was logged.
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
