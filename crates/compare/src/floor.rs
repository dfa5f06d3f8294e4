//! What the load generator makes of a server that does nothing: no contender can look faster than that.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use bakeoff_load::{Control, LoadConfig, Scenario};
use bakeoff_record::{Floor, Summary};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use crate::cores::Cores;

/// What it answers, whatever it is asked.
const ANSWER: &[u8] = b"{}";

const WARM_UP: Duration = Duration::from_millis(500);
const MEASURE: Duration = Duration::from_secs(1);

/// Puts the experiment's users on a server that does nothing. The error says why there is no figure, such as that requests
/// need a value from an answer before.
pub(crate) fn measure(
    scenario: &Scenario,
    config: LoadConfig,
    cores: Option<&Cores>,
    stop: &CancellationToken,
) -> Result<Floor, String> {
    let server =
        NullServer::start(cores).ok_or("the server that does nothing could not be started")?;
    let config = LoadConfig {
        host: format!("http://{}", server.address),
        warm_up: Some(WARM_UP),
        run_time: Some(MEASURE),
        ..config
    };
    let control = Control::from(stop.clone());
    let scenario = scenario.without_checks();
    let measurement = bakeoff_load::run(&scenario, &config, &control, &mut |_| {});
    let measurement = measurement.map_err(|error| error.to_string())?;
    if measurement.interrupted {
        return Err("it was stopped".to_owned());
    }
    let summary = Summary::of([&measurement]);
    if let Some(failure) = summary.failures.first() {
        return Err(format!(
            "without real answers, `{}` fails ({})",
            failure.name, failure.cause
        ));
    }
    let total = summary.total;
    let figures = total.successes_per_second().zip(total.median());
    let (requests_per_second, median) =
        figures.ok_or("no request was answered in the measured period")?;
    Ok(Floor {
        requests_per_second,
        median: median.time,
    })
}

/// Answers everything at once, on a thread of its own, until it is dropped.
struct NullServer {
    address: SocketAddr,
    stop: CancellationToken,
}

impl NullServer {
    fn start(cores: Option<&Cores>) -> Option<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let address = listener.local_addr().ok()?;
        listener.set_nonblocking(true).ok()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let _on_their_cores = cores.map(Cores::as_contender);
        std::thread::Builder::new()
            .name("null server".to_owned())
            .spawn(move || runtime.block_on(stopped.run_until_cancelled(serve(listener))))
            .ok()?;
        Some(Self { address, stop })
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(connection);
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // Read to its end, so that the connection can be used again.
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from_static(ANSWER))))
}
