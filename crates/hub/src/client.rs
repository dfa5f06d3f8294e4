//! Requests to a hub and to the targets of its redirections. The token is sent to the hub only.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use ureq::{Agent, Body};
use url::Url;

use crate::answer::{About, Info, redirected};
use crate::error::{Cause, HubError, quoted};
use crate::name::{Hash, ModelName, Revision};
use crate::{Hub, MAX_INFO_BYTES};

const MAX_REDIRECTIONS: usize = 10;

/// Rate in bytes per second below which a transfer fails.
const MIN_RATE: u64 = 1024;

/// Time limit for the description of a model, as a multiple of the timeout.
const INFO_TIMEOUTS: u32 = 10;

#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    endpoint: Url,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Client {
    /// Client of the hub, with the proxy of the environment.
    pub(crate) fn of(hub: &Hub) -> Result<Self, HubError> {
        let endpoint = Url::parse(&hub.endpoint).ok();
        let endpoint = endpoint.filter(|url| matches!(url.scheme(), "http" | "https"));
        let endpoint = endpoint.ok_or_else(|| {
            let endpoint = quoted(&hub.endpoint);
            HubError::Setting(format!(
                "cannot use HF_ENDPOINT {endpoint}: it must be a URL that begins with http:// or https://"
            ))
        })?;
        let authorization = hub.token.as_ref().map(|token| {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            value.map_err(|_| {
                let what = "cannot use the token: it has characters that no header may have";
                HubError::Setting(what.to_owned())
            })
        });
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("bakeoff/", env!("CARGO_PKG_VERSION")))
            // Offsets count the bytes of the stored file, so answers must not be compressed.
            .accept_encoding("identity")
            .timeout_resolve(Some(hub.timeout))
            .timeout_connect(Some(hub.timeout))
            .timeout_recv_response(Some(hub.timeout))
            .timeout_per_read(Some(hub.timeout))
            .timeout_per_write(Some(hub.timeout));
        Ok(Self {
            agent: config.build().into(),
            endpoint,
            authorization: authorization.transpose()?,
            timeout: hub.timeout,
        })
    }

    /// Address of the hub, without user and password.
    pub(crate) fn endpoint(&self) -> String {
        let mut url = self.endpoint.clone();
        // These calls cannot fail for HTTP addresses.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.as_str().trim_end_matches('/').to_owned()
    }

    /// Requests the commit of a revision and the names of its files.
    pub(crate) fn info(&self, model: &ModelName, revision: &Revision) -> Result<Info, Cause> {
        let name = model.to_string();
        let path = ["api", "models"].into_iter().chain(name.split('/'));
        let url = self.url(path.chain(["revision", revision.as_str()]));
        let (mut response, at) = self.follow(&Method::GET, url, None, |_, _| false)?;
        self.expect(&response, &at)?;
        let limit = self.timeout.saturating_mul(INFO_TIMEOUTS);
        let mut body = Vec::new();
        let reader = self.steady(response.body_mut(), Some(limit));
        let read = reader.take(MAX_INFO_BYTES + 1).read_to_end(&mut body);
        read.map_err(|error| self.broken(&at, error))?;
        if body.len() as u64 > MAX_INFO_BYTES {
            let what = format!("describes the model in more than {MAX_INFO_BYTES} bytes");
            return Err(Cause::Answer(what));
        }
        Info::read(&body, revision).map_err(Cause::Answer)
    }

    /// Address of a file.
    pub(crate) fn file(&self, model: &ModelName, commit: &Hash, file: &str) -> Url {
        let name = model.to_string();
        let path = name.split('/').chain(["resolve", commit.as_str()]);
        self.url(path.chain(file.split('/')))
    }

    /// Requests hash and size of the file at `url`, and returns them with the address of its content.
    pub(crate) fn about(&self, url: Url, commit: &Hash) -> Result<(About, Url), Cause> {
        let (response, at) = self.follow(&Method::HEAD, url, None, About::is_in)?;
        if !response.status().is_redirection() {
            self.expect(&response, &at)?;
        }
        let about = About::read(response.headers(), commit).map_err(Cause::Answer)?;
        Ok((about, at))
    }

    /// Requests the bytes of a file from `start`. The status of the answer is a success, or 416 if there are no such bytes.
    pub(crate) fn bytes(&self, url: Url, start: u64) -> Result<(Response<Body>, Url), Cause> {
        let range = (start > 0).then_some(start);
        let (response, at) = self.follow(&Method::GET, url, range, |_, _| false)?;
        if response.status() != StatusCode::RANGE_NOT_SATISFIABLE || range.is_none() {
            self.expect(&response, &at)?;
        }
        Ok((response, at))
    }

    /// Reader of a body that fails below [`MIN_RATE`] or after `limit`.
    pub(crate) fn steady<'a>(
        &self,
        body: &'a mut Body,
        limit: Option<Duration>,
    ) -> impl Read + use<'a> {
        Steady {
            inner: body.as_reader(),
            timeout: self.timeout,
            end: limit.and_then(|limit| Instant::now().checked_add(limit)),
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Error of an interrupted transfer from `at`.
    pub(crate) fn broken(&self, at: &Url, error: io::Error) -> Cause {
        self.failed(at, ureq::Error::from(error))
    }

    fn url<'a>(&self, path: impl Iterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            // `extend` also encodes slashes.
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Sends a request and follows redirections until `enough`, which gets the headers and `true` for a redirection to another host.
    /// Returns the last answer with its address or, for a redirection, the address of its target.
    fn follow(
        &self,
        method: &Method,
        mut url: Url,
        start: Option<u64>,
        enough: fn(&ureq::http::HeaderMap, bool) -> bool,
    ) -> Result<(Response<Body>, Url), Cause> {
        for _ in 0..=MAX_REDIRECTIONS {
            let response = self.send(method, &url, start)?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, url));
            }
            let next = redirected(&url, response.headers()).map_err(Cause::Answer)?;
            let leads_elsewhere = next.origin() != url.origin();
            url = next;
            if enough(response.headers(), leads_elsewhere) {
                return Ok((response, url));
            }
        }
        let what = format!("redirects more than {MAX_REDIRECTIONS} times");
        Err(Cause::Answer(what))
    }

    fn send(
        &self,
        method: &Method,
        url: &Url,
        start: Option<u64>,
    ) -> Result<Response<Body>, Cause> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        if let Some(start) = start {
            request = request.header(header::RANGE, format!("bytes={start}-"));
        }
        if let Some(token) = self.token_for(url) {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request.body(()).map_err(ureq::Error::from);
        request
            .and_then(|request| self.agent.run(request))
            .map_err(|error| self.failed(url, error))
    }

    /// Token for an address with the scheme, host and port of the hub; `None` for other addresses.
    pub(crate) fn token_for(&self, url: &Url) -> Option<&HeaderValue> {
        let is_hub = url.origin() == self.endpoint.origin();
        self.authorization.as_ref().filter(|_| is_hub)
    }

    /// Fails unless the status of the answer from `at` is a success.
    fn expect(&self, response: &Response<Body>, at: &Url) -> Result<(), Cause> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let status = status.as_u16();
        if at.origin() != self.endpoint.origin() {
            let host = shown(at);
            return Err(Cause::Transfer(format!(
                "{host} answered with status {status}"
            )));
        }
        let code = response.headers().get("x-error-code");
        Err(Cause::Status {
            status,
            with_token: self.authorization.is_some(),
            gated: code.is_some_and(|code| code == "GatedRepo"),
        })
    }

    fn failed(&self, at: &Url, error: ureq::Error) -> Cause {
        let what = match error {
            ureq::Error::Timeout(_) => {
                let seconds = self.timeout.as_secs();
                format!("it did not answer within {seconds} s")
            }
            ureq::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        };
        if at.origin() == self.endpoint.origin() {
            return Cause::Transfer(what);
        }
        Cause::Transfer(format!("{}: {what}", shown(at)))
    }
}

/// Host of an address, without the path and query, which may contain a signature.
fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Reader that fails if a body arrives too slowly.
struct Steady<R> {
    inner: R,
    timeout: Duration,
    end: Option<Instant>,
    /// Time spent in reads, and bytes read, since the last check of the rate.
    waited: Duration,
    bytes: u64,
}

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begin = Instant::now();
        let read = self.inner.read(buffer)?;
        let end = Instant::now();
        self.waited += end - begin;
        self.bytes += read as u64;
        let is_late = self.end.is_some_and(|latest| end > latest);
        let is_over = self.waited >= self.timeout;
        let is_slow = is_over && self.bytes < MIN_RATE * self.waited.as_secs();
        if read > 0 && (is_late || is_slow) {
            let what = format!("it sends less than {MIN_RATE} bytes a second");
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        if is_over {
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(read)
    }
}
