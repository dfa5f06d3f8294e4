//! Sends the metrics of a running load to an OpenTelemetry collector. A collector that fails never disturbs the load.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow, bail};
use bakeoff_record::Measurement;

use crate::args::SwarmArgs;
use crate::exit::{Exit, hinted};
use crate::output::say;

/// Where a collector listens if nobody says otherwise.
const USUAL: &str = "http://127.0.0.1:4318";

/// How often metrics are sent.
const EVERY: Duration = Duration::from_secs(10);

/// How long a collector may take at each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the collector is; `None` where no metrics are asked for.
pub(super) fn endpoint(args: &SwarmArgs) -> Option<String> {
    let of_environment = || {
        let named = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok();
        named
            .filter(|endpoint| !endpoint.is_empty())
            .unwrap_or_else(|| USUAL.to_owned())
    };
    let named = args.otlp.clone();
    named.or_else(|| args.otel.then(of_environment))
}

/// Hands metrics to a thread that sends them.
pub(super) struct Exporter {
    bodies: SyncSender<String>,
    sending: JoinHandle<()>,
    due: Instant,
}

impl Exporter {
    /// Sends to `endpoint`, such as `http://127.0.0.1:4318`.
    pub(super) fn start(endpoint: &str) -> anyhow::Result<Self> {
        let collector = Collector::parse(endpoint).map_err(|error| {
            hinted(
                Exit::Usage,
                error,
                "--otlp takes an address such as http://127.0.0.1:4318",
            )
        })?;
        // One waits while another is sent; a collector that is slower gets fewer.
        let (bodies, received) = sync_channel(1);
        let sending = std::thread::spawn(move || collector.send_all(&received));
        Ok(Self {
            bodies,
            sending,
            due: Instant::now() + EVERY,
        })
    }

    /// Sends what was measured so far, if it is time to.
    pub(super) fn update(&mut self, so_far: &Measurement, users: u32) {
        let now = Instant::now();
        if now >= self.due {
            self.due = now + EVERY;
            let _ = self.bodies.try_send(body(so_far, users));
        }
    }

    /// Sends the last of the load, and waits until that is done.
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

struct Collector {
    authority: String,
    path: String,
}

impl Collector {
    fn parse(endpoint: &str) -> anyhow::Result<Self> {
        let rest = endpoint.strip_prefix("http://");
        let rest =
            rest.ok_or_else(|| anyhow!("{endpoint} is no address that begins with http://"))?;
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |letter: char| letter.is_ascii_graphic();
        if authority.is_empty() || !rest.chars().all(is_plain) {
            bail!("{endpoint} is no address of a collector");
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
                    "warning: metrics do not reach the collector {}: {error:#}",
                    self.authority
                ));
            }
        }
    }

    fn send(&self, body: &str) -> anyhow::Result<()> {
        let mut addresses = self.authority.to_socket_addrs()?;
        let address = addresses.next().context("its name has no address")?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
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
            _ => bail!("it answers `{}`", line.trim()),
        }
    }
}
