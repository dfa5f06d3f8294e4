//! Export of metrics to an OpenTelemetry collector. Errors of the collector never disturb the load.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow, bail};
use bakeoff_record::Measurement;

use crate::args::TelemetryArgs;
use crate::exit::{Exit, hinted};
use crate::output::say;

/// Default address of a collector.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4318";

/// Time between two exports.
const EVERY: Duration = Duration::from_secs(10);

/// Timeout of the collector for connecting, writing and reading.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Collector of `args`; `None` if no metrics are to be sent.
///
/// # Errors
/// An error with a hint if the endpoint is not an address of a collector.
pub(super) fn collector(args: &TelemetryArgs) -> anyhow::Result<Option<Collector>> {
    let from_environment = || {
        let endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok();
        let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty());
        endpoint.unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())
    };
    let endpoint = args.otlp.clone();
    let endpoint = endpoint.or_else(|| args.otel.then(from_environment));
    let collector = endpoint.map(|endpoint| Collector::parse(&endpoint));
    collector.transpose().map_err(|error| {
        let hint = "--otlp takes an address such as http://127.0.0.1:4318";
        hinted(Exit::Usage, error, hint)
    })
}

/// Sends metrics on a thread of its own.
pub(super) struct Exporter {
    bodies: SyncSender<String>,
    sending: JoinHandle<()>,
    next_export: Instant,
}

impl Exporter {
    /// Starts the thread that sends to `collector`.
    pub(super) fn start(collector: Collector) -> Self {
        // At most one body waits. A slow collector gets fewer.
        let (bodies, received) = sync_channel(1);
        let sending = std::thread::spawn(move || collector.send_all(&received));
        Self {
            bodies,
            sending,
            next_export: Instant::now() + EVERY,
        }
    }

    /// Sends the metrics so far, if the last export was [`EVERY`] ago.
    pub(super) fn update(&mut self, so_far: &Measurement, users: u32) {
        let now = Instant::now();
        if now >= self.next_export {
            self.next_export = now + EVERY;
            let _ = self.bodies.try_send(body(so_far, users));
        }
    }

    /// Sends the final metrics, and waits until they are sent.
    pub(super) fn finish(self, measured: &Measurement) {
        let _ = self.bodies.send(body(measured, 0));
        drop(self.bodies);
        let _ = self.sending.join();
    }
}

fn body(measurement: &Measurement, users: u32) -> String {
    let version = env!("CARGO_PKG_VERSION");
    bakeoff_report::otlp::render(measurement, users, version, SystemTime::now())
}

/// Address of an OpenTelemetry collector that takes OTLP over HTTP.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    authority: String,
    path: String,
}

impl Collector {
    fn parse(endpoint: &str) -> anyhow::Result<Self> {
        let rest = endpoint.strip_prefix("http://");
        let rest = rest.ok_or_else(|| {
            anyhow!("cannot send metrics to {endpoint}: the address must begin with http://")
        })?;
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |letter: char| letter.is_ascii_graphic();
        if authority.is_empty() || !rest.chars().all(is_plain) {
            bail!("cannot send metrics to {endpoint}: it is not an address of a collector");
        }
        let authority = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            _ => format!("{authority}:4318"),
        };
        let prefix = prefix.trim_end_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        Ok(Self {
            authority,
            path: format!("{slash}{prefix}/v1/metrics"),
        })
    }

    fn send_all(&self, bodies: &Receiver<String>) {
        let mut has_failed = false;
        for body in bodies {
            if let Err(error) = self.send(&body)
                && !has_failed
            {
                has_failed = true;
                say(&format!(
                    "warning: cannot send metrics to the collector {}: {error:#}",
                    self.authority
                ));
            }
        }
    }

    fn send(&self, body: &str) -> anyhow::Result<()> {
        let mut addresses = self.authority.to_socket_addrs()?;
        let address = addresses.next().context("the name has no address")?;
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let Self { authority, path } = self;
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        match line.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(()),
            _ => bail!("the answer is `{}`", line.trim()),
        }
    }
}
