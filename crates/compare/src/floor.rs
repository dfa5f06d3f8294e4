//! The floor: rate and response time of the load generator on a server that does nothing. No contender can look faster.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use bakeoff_load::{Control, LoadConfig, LoadError, Scenario};
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

/// Body of every answer.
const ANSWER: &[u8] = b"{}";

/// Warm-up of the measurement.
const WARM_UP: Duration = Duration::from_millis(500);
/// Measured period.
const MEASURE: Duration = Duration::from_secs(1);

/// Reason why there is no floor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFloor {
    #[error("cannot start the server that does nothing")]
    Server(#[source] io::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("it was stopped")]
    Stopped,
    #[error("without real answers, `{request}` fails ({cause})")]
    Failure { request: String, cause: String },
    #[error("no request was answered in the measured period")]
    NoAnswer,
}

/// Puts the load of `config` on a server that does nothing.
///
/// # Errors
/// [`NoFloor`], such as a request that needs a value from an earlier answer.
pub(crate) fn measure(
    scenario: &Scenario,
    config: LoadConfig,
    cores: Option<&Cores>,
    stop: &CancellationToken,
) -> Result<Floor, NoFloor> {
    let server = NullServer::start(cores).map_err(NoFloor::Server)?;
    let config = LoadConfig {
        host: format!("http://{}", server.address),
        warm_up: Some(WARM_UP),
        run_time: Some(MEASURE),
        ..config
    };
    let control = Control::from(stop.clone());
    let scenario = scenario.without_checks();
    let measurement = bakeoff_load::run(&scenario, &config, &control, &mut |_| {})?;
    if measurement.interrupted {
        return Err(NoFloor::Stopped);
    }
    let summary = Summary::of([&measurement]);
    if let Some(failure) = summary.failures.first() {
        return Err(NoFloor::Failure {
            request: failure.name.clone(),
            cause: failure.cause.clone(),
        });
    }
    let total = summary.total;
    let figures = total.successes_per_second().zip(total.median());
    let (requests_per_second, median) = figures.ok_or(NoFloor::NoAnswer)?;
    Ok(Floor {
        requests_per_second,
        median: median.time,
    })
}

/// Server on a thread of its own that answers every request at once, until it is dropped.
struct NullServer {
    address: SocketAddr,
    stop: CancellationToken,
}

impl NullServer {
    fn start(cores: Option<&Cores>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let _on_their_cores = cores.map(Cores::as_contender);
        std::thread::Builder::new()
            .name("null server".to_owned())
            .spawn(move || runtime.block_on(stopped.run_until_cancelled(serve(listener))))?;
        Ok(Self { address, stop })
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
    // The body is read to its end, so that the connection can be used again.
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from_static(ANSWER))))
}
