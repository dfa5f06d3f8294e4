//! Metrics of the server in the text format of Prometheus.

use std::time::Duration;

use procfs::process::Process;
use prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
    core::{Collector, GenericGauge},
    proto::MetricFamily,
};

use crate::engine::timing::Timing;

/// Content type of the text format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the server. All threads share them. Counting never blocks.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    build: IntGaugeVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    dropped: IntCounterVec,
    connections: IntGaugeVec,
    queue_seconds: Histogram,
    tokenization_seconds: Histogram,
    inference_seconds: Histogram,
    batch_tokens: Histogram,
    batch_sequences: Histogram,
    queue_items: IntGauge,
    queue_tokens: IntGauge,
}

/// Open connection in the metrics, until the value is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(IntGauge);

impl Metrics {
    /// Sets the version and the name of the model in `bakeoff_build_info`.
    pub(crate) fn describe(&self, model: &str) {
        self.build.reset();
        let labels = [env!("CARGO_PKG_VERSION"), model];
        self.build.with_label_values(&labels).set(1);
    }

    /// Counts a response. `route` is the pattern of the route, never the path of the request. `took` is the time since the
    /// head of the request arrived.
    pub(crate) fn response(&self, route: &str, status: u16, took: Duration) {
        // Avoids an allocation for each request.
        let mut buffer = [0; 3];
        let status = three_digits(status, &mut buffer);
        self.requests.with_label_values(&[route, status]).inc();
        self.request_seconds
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    /// Counts a connection to a listener, `public` or `private`.
    pub(crate) fn connection(&self, listener: &'static str) -> OpenConnection {
        let open = self.connections.with_label_values(&[listener]);
        open.inc();
        OpenConnection(open)
    }

    /// Counts a question that was answered, or that failed in the model.
    pub(crate) fn item(&self, timing: &Timing) {
        self.queue_seconds.observe(timing.queue.as_secs_f64());
        self.tokenization_seconds
            .observe(timing.tokenization.as_secs_f64());
        self.inference_seconds
            .observe(timing.inference.as_secs_f64());
    }

    /// Counts a batch that goes through the model.
    pub(crate) fn batch(&self, sequences: usize, tokens: usize) {
        self.batch_sequences.observe(sequences as f64);
        self.batch_tokens.observe(tokens as f64);
    }

    /// Sets the size of the queue. `tokens` includes the estimated tokens of questions in tokenization.
    pub(crate) fn queue(&self, items: usize, tokens: usize) {
        self.queue_items.set(saturated(items));
        self.queue_tokens.set(saturated(tokens));
    }

    /// Counts a request that was rejected or abandoned. `reason` is one word, for example `overloaded`.
    pub(crate) fn dropped(&self, reason: &'static str) {
        self.dropped.with_label_values(&[reason]).inc();
    }

    /// All metrics in the text format of Prometheus.
    pub(crate) fn encode(&self) -> String {
        let mut families = self.registry.gather();
        families.extend(of_the_process());
        // Fails only for empty families, which are not gathered.
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let new = Registered(&registry);
        Self {
            build: new.gauges(
                "bakeoff_build_info",
                "Version of the server and name of the model; the value is always 1.",
                &["version", "model"],
            ),
            requests: new.counters(
                "bakeoff_requests_total",
                "Requests by route and status; status 499 is a client that disconnected before the response.",
                &["route", "status"],
            ),
            request_seconds: new.histograms(
                "bakeoff_request_duration_seconds",
                "Time from the arrival of the request head to the response.",
                &["route"],
                REQUEST_SECONDS,
            ),
            dropped: new.counters(
                "bakeoff_dropped_total",
                "Requests rejected or abandoned, and connections cut off, by reason.",
                &["reason"],
            ),
            connections: new.gauges(
                "bakeoff_connections",
                "Open connections by listener.",
                &["listener"],
            ),
            queue_seconds: new.histogram(
                "bakeoff_queue_duration_seconds",
                "Time that a question waited in the queue for a worker.",
                REQUEST_SECONDS,
            ),
            tokenization_seconds: new.histogram(
                "bakeoff_tokenization_duration_seconds",
                "Time to tokenize a question and its context.",
                STEP_SECONDS,
            ),
            inference_seconds: new.histogram(
                "bakeoff_inference_duration_seconds",
                "Time of inference for the batch of a question.",
                STEP_SECONDS,
            ),
            batch_tokens: new.histogram(
                "bakeoff_batch_tokens",
                "Tokens in a batch.",
                BATCH_TOKENS,
            ),
            batch_sequences: new.histogram(
                "bakeoff_batch_sequences",
                "Sequences in a batch; a sequence is one window of a context.",
                BATCH_SEQUENCES,
            ),
            queue_items: new.gauge("bakeoff_queue_items", "Questions in the queue."),
            queue_tokens: new.gauge(
                "bakeoff_queue_tokens",
                "Tokens in the queue, including the estimated tokens of questions in tokenization.",
            ),
            registry,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

const REQUEST_SECONDS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
const STEP_SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];
const BATCH_TOKENS: &[f64] = &[
    32.0, 64.0, 128.0, 256.0, 384.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0,
];
const BATCH_SEQUENCES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Creates metrics in a registry.
struct Registered<'r>(&'r Registry);

impl Registered<'_> {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.keep(IntGauge::new(name, help))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.keep(Histogram::with_opts(options))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.keep(HistogramVec::new(options, labels))
    }

    fn keep<M: Collector + Clone + 'static>(&self, metric: prometheus::Result<M>) -> M {
        let metric = metric.expect("names, labels and buckets are constants that a test encodes");
        self.0
            .register(Box::new(metric.clone()))
            .expect("every name is used once");
        metric
    }
}

/// Memory and CPU time of this process, with the usual metric names. Empty if the system does not report them.
fn of_the_process() -> Vec<MetricFamily> {
    let Ok(stat) = Process::myself().and_then(|process| process.stat()) else {
        return Vec::new();
    };
    let memory: prometheus::Result<GenericGauge<prometheus::core::AtomicU64>> = GenericGauge::new(
        "process_resident_memory_bytes",
        "Resident memory of the process in bytes.",
    );
    let cpu = Counter::new(
        "process_cpu_seconds_total",
        "User and system CPU time of the process in seconds.",
    );
    let (Ok(memory), Ok(cpu)) = (memory, cpu) else {
        return Vec::new();
    };
    memory.set(stat.rss.saturating_mul(procfs::page_size()));
    cpu.inc_by((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64);
    [memory.collect(), cpu.collect()].concat()
}

fn saturated(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Three digits of an HTTP status.
fn three_digits(status: u16, buffer: &mut [u8; 3]) -> &str {
    for (digit, power) in buffer.iter_mut().zip([100, 10, 1]) {
        *digit = b'0' + u8::try_from(status / power % 10).unwrap_or(0);
    }
    std::str::from_utf8(buffer).unwrap_or("000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_counted_is_encoded() {
        let metrics = Metrics::default();
        metrics.describe("minilm");
        metrics.response("/question_answering", 200, Duration::from_millis(3));
        metrics.response("/question_answering", 429, Duration::from_millis(1));
        metrics.item(&Timing {
            queue: Duration::from_millis(2),
            tokenization: Duration::from_micros(200),
            inference: Duration::from_millis(20),
        });
        metrics.batch(3, 300);
        metrics.queue(2, 200);
        metrics.dropped("overloaded");
        let open = metrics.connection("public");
        let text = metrics.encode();
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            &format!(r#"bakeoff_build_info{{model="minilm",version="{version}"}} 1"#),
            r#"bakeoff_requests_total{route="/question_answering",status="200"} 1"#,
            r#"bakeoff_requests_total{route="/question_answering",status="429"} 1"#,
            r#"bakeoff_request_duration_seconds_bucket{route="/question_answering",le="0.001"} 1"#,
            r#"bakeoff_request_duration_seconds_bucket{route="/question_answering",le="0.005"} 2"#,
            "bakeoff_queue_duration_seconds_sum 0.002",
            r#"bakeoff_tokenization_duration_seconds_bucket{le="0.00025"} 1"#,
            "bakeoff_inference_duration_seconds_sum 0.02",
            "bakeoff_batch_tokens_sum 300",
            "bakeoff_batch_sequences_sum 3",
            "bakeoff_queue_items 2",
            "bakeoff_queue_tokens 200",
            r#"bakeoff_dropped_total{reason="overloaded"} 1"#,
            r#"bakeoff_connections{listener="public"} 1"#,
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "no `{line}` in\n{text}"
            );
        }
        drop(open);
        let text = metrics.encode();
        let none = r#"bakeoff_connections{listener="public"} 0"#;
        assert!(text.lines().any(|line| line == none), "{text}");
    }

    #[test]
    fn process_shows_its_memory_and_its_cpu_time() {
        let metrics = Metrics::default();
        let value = |name: &str| -> f64 {
            let text = metrics.encode();
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.expect("the metric is encoded").trim().parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes ") > 1e6);
        // The loop itself uses CPU time. It never ends if the metric does not count.
        let before = value("process_cpu_seconds_total ");
        while value("process_cpu_seconds_total ") <= before {}
    }
}
