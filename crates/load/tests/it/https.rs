//! Loads over TLS.

use bakeoff_record::times::TimeKind;
use std::sync::{Arc, Mutex};

use bakeoff_load::{
    Get, GetError, LoadError, NotCorrect, Scenario, check_once, check_requests, get,
};
use bakeoff_record::Measurement;
use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Pair, scenario_beside};
use crate::server::{
    ONE_TASK, Seen, async_server, causes, config_of, failures, lasting, measure, millis,
    raw_server, requests, write,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const LAST_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// Gives every request of the connection this answer, or the only one of it where that is the last.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &'static [u8]) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            if stream.write_all(answer).await.is_err() || answer == LAST_ANSWER {
                break;
            }
        }
    }
    let _ = stream.shutdown().await;
}

/// What kind it was, and the name that was asked for.
type Handshake = (HandshakeKind, Option<String>);

/// A server that shakes hands with `acceptor` and gives `text` as every answer: its address, and the handshakes that went well.
fn https_server(
    acceptor: TlsAcceptor,
    text: &'static [u8],
) -> (String, Arc<Mutex<Vec<Handshake>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handshakes = Arc::clone(&seen);
    let (address, _) = async_server(move |stream| {
        let (acceptor, handshakes) = (acceptor.clone(), Arc::clone(&handshakes));
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let session = stream.get_ref().1;
            let name = session.server_name().map(str::to_owned);
            let kind = session.handshake_kind().unwrap();
            handshakes.lock().unwrap().push((kind, name));
            answer(stream, text).await;
        }
    });
    (format!("https://{address}"), seen)
}

/// A load of one user and four requests with the `[connection]` that is given, with the files of `authority`.
fn load(url: &str, authority: &Authority, connection: &str) -> Measurement {
    let scenario = scenario_beside(&authority.path("scenario.toml"), connection).unwrap();
    measure(&scenario, &config_of(url, 4))
}

/// Expects every request to fail for this cause.
fn check(measurement: &Measurement, expected: &str) {
    assert_eq!(causes(measurement), [(expected, 4)]);
    assert_eq!(
        (requests(measurement), measurement.connections_opened),
        (4, 0)
    );
}

#[test]
fn requests_go_over_connections_that_are_kept_and_sessions_are_taken_up_again() {
    let authority = Authority::new();
    let acceptor = authority.sign("127.0.0.1").acceptor("http/1.1");
    let (url, handshakes) = https_server(acceptor.clone(), ANSWER);
    let measurement = load(&url, &authority, "ca_file = \"ca.pem\"");
    assert_eq!(causes(&measurement), []);
    assert_eq!(requests(&measurement), 4);
    assert_eq!(measurement.connections_opened, 1);
    assert_eq!(*handshakes.lock().unwrap(), [(HandshakeKind::Full, None)]);

    let (url, handshakes) = https_server(acceptor, LAST_ANSWER);
    let measurement = load(&url, &authority, "ca_file = \"ca.pem\"");
    assert_eq!(causes(&measurement), []);
    let handshakes = handshakes.lock().unwrap();
    assert_eq!(
        (handshakes.len() as u64, measurement.connections_opened),
        (requests(&measurement), requests(&measurement))
    );
    assert_eq!(handshakes[0].0, HandshakeKind::Full);
    assert!(
        handshakes[1..]
            .iter()
            .all(|(kind, _)| *kind == HandshakeKind::Resumed)
    );
}

#[test]
fn a_connection_that_ended_without_a_word_while_idle_is_opened_again_without_a_failure() {
    let authority = Authority::new();
    let acceptor = authority.sign("127.0.0.1").acceptor("");
    let (address, connections) = async_server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(ANSWER).await;
            let _ = stream.flush().await;
        }
    });
    let text =
        format!("[load]\nwait_time = \"50ms\"\n[connection]\nca_file = \"ca.pem\"\n{ONE_TASK}");
    let scenario = Scenario::parse(&text, &authority.path("scenario.toml")).unwrap();
    let measurement = measure(
        &scenario,
        &lasting(&format!("https://{address}"), 2, millis(300)),
    );
    assert_eq!(causes(&measurement), []);
    assert!(requests(&measurement) >= 4);
    assert_eq!(connections.count(), requests(&measurement));
}

#[test]
fn a_certificate_that_is_not_right_fails_every_request_and_says_what_to_do() {
    let authority = Authority::new();
    let served = |pair: &Pair| https_server(pair.acceptor(""), ANSWER).0;
    let own = "ca_file = \"ca.pem\"";
    let unknown = "the server's certificate is from an unknown issuer; name the issuer's as `ca_file` in [connection], or use --insecure";
    let url = served(&Authority::new().sign("127.0.0.1"));
    check(&load(&url, &authority, own), unknown);
    let url = served(&Pair::self_signed("127.0.0.1"));
    check(
        &load(&url, &authority, own),
        "the server's certificate vouches for itself; name it as `ca_file` in [connection], or use --insecure",
    );
    let url = served(&authority.sign_until("127.0.0.1", 2001));
    check(
        &load(&url, &authority, own),
        "the server's certificate has expired; renew it, or use --insecure",
    );
    let url = served(&authority.sign("model.internal"));
    check(
        &load(&url, &authority, own),
        "the server's certificate is not valid for the name 127.0.0.1, only for model.internal; set `server_name` in [connection]",
    );
    assert_eq!(failures(&load(&url, &authority, "insecure = true")), 0);
}

#[test]
fn another_name_than_the_hosts_can_be_asked_for() {
    let authority = Authority::new();
    let acceptor = authority.sign("model.internal").acceptor("");
    let (url, handshakes) = https_server(acceptor, ANSWER);
    let measurement = load(
        &url,
        &authority,
        "ca_file = \"ca.pem\"\nserver_name = \"model.internal\"",
    );
    assert_eq!(causes(&measurement), []);
    let name = handshakes.lock().unwrap()[0].1.clone();
    assert_eq!(name.as_deref(), Some("model.internal"));
}

#[test]
fn a_certificate_that_vouches_for_itself_is_trusted_where_it_is_named() {
    let authority = Authority::new();
    let pair = Pair::self_signed("127.0.0.1");
    authority.write("self", &pair);
    let (url, _) = https_server(pair.acceptor(""), ANSWER);
    let measurement = load(&url, &authority, "ca_file = \"self.pem\"");
    assert_eq!(causes(&measurement), []);
    let other = Pair::self_signed("model.internal");
    authority.write("other", &other);
    let (url, _) = https_server(other.acceptor(""), ANSWER);
    let measurement = load(&url, &authority, "ca_file = \"other.pem\"");
    let [(cause, _)] = causes(&measurement)[..] else {
        panic!("{:?}", measurement.failures)
    };
    assert!(
        cause.contains("is not valid for the name 127.0.0.1"),
        "{cause}"
    );
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours() {
    let authority = Authority::new();
    let acceptor = authority.acceptor_for_known_clients(&authority.sign("127.0.0.1"));
    let (url, _) = https_server(acceptor, ANSWER);
    let own = "ca_file = \"ca.pem\"\n";
    let measurement = load(&url, &authority, own);
    let wanted = "the server wants a certificate; name `client_certificate` and `client_key` in [connection]";
    assert_eq!(failures(&measurement), 4);
    // What the server says may be overtaken by the end of its connection.
    let causes_of_all = causes(&measurement);
    let said = |(cause, _): &(&str, u64)| [wanted, "connection reset"].contains(cause);
    assert!(
        causes_of_all.iter().all(said) && causes_of_all.iter().any(|(cause, _)| *cause == wanted),
        "{causes_of_all:?}"
    );
    authority.write("client", &authority.sign("us"));
    let ours = "client_certificate = \"client.pem\"\nclient_key = \"client.key\"";
    let measurement = load(&url, &authority, &format!("{own}{ours}"));
    assert_eq!(causes(&measurement), []);
}

#[test]
fn a_handshake_that_fails_says_why() {
    let authority = Authority::new();
    let own = "ca_file = \"ca.pem\"";
    let secure = |address: &str| address.replace("http:", "https:");
    let (url, _) = raw_server(|stream| write(stream, "HTTP/1.1 400 Speak plainly\r\n\r\n"));
    check(
        &load(&secure(&url), &authority, own),
        "TLS handshake failed: the server does not seem to speak TLS; is it an http:// address?",
    );
    let (url, _) = raw_server(|stream| {
        let _ = std::io::Read::read(stream, &mut [0; 4096]);
    });
    check(
        &load(&secure(&url), &authority, own),
        "connection closed during the TLS handshake",
    );
    let acceptor = authority.sign("127.0.0.1").acceptor("http/1.1");
    let (url, _) = https_server(acceptor, ANSWER);
    check(
        &load(&url, &authority, "http = \"2\"\ninsecure = true"),
        "the server does not offer this version of HTTP; change `http` in [connection]",
    );
    let acceptor = authority.sign("127.0.0.1").acceptor("");
    let (url, _) = https_server(acceptor, ANSWER);
    check(
        &load(&url, &authority, "http = \"2\"\ninsecure = true"),
        "the server does not offer HTTP/2; use `http = \"1.1\"` in [connection]",
    );
}

#[test]
fn an_answer_may_end_with_the_connection_and_without_a_goodbye_of_tls() {
    let authority = Authority::new();
    let acceptor = authority.sign("127.0.0.1").acceptor("");
    let serve = |text: &'static [u8]| {
        let acceptor = acceptor.clone();
        let (address, _) = async_server(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let _ = stream.read(&mut [0; 1000]).await;
                let _ = stream.write_all(text).await;
                let _ = stream.flush().await;
                // Only the transport says goodbye.
                let _ = stream.into_inner().0.shutdown().await;
            }
        });
        load(
            &format!("https://{address}"),
            &authority,
            "ca_file = \"ca.pem\"",
        )
    };
    let measurement = serve(b"HTTP/1.1 200 OK\r\n\r\nall there is");
    assert_eq!(causes(&measurement), []);
    assert_eq!(measurement.requests[0].body_bytes, 4 * 12);
    let measurement = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf");
    assert_eq!(
        causes(&measurement),
        [("connection closed half-way through the answer", 4)]
    );
}

#[test]
fn the_handshake_belongs_to_the_request_that_needed_it() {
    let authority = Authority::new();
    let acceptor = authority.sign("127.0.0.1").acceptor("");
    let accepted = Seen::default();
    let (address, _) = async_server(move |stream| {
        let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
        async move {
            if accepted.one_more() == 0 {
                tokio::time::sleep(millis(80)).await;
            }
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, ANSWER).await;
            }
        }
    });
    let url = format!("https://{address}");
    let measurement = load(&url, &authority, "ca_file = \"ca.pem\"");
    assert_eq!(causes(&measurement), []);
    let times = &measurement.requests[0].times[TimeKind::Response];
    assert!(times.max().unwrap() >= millis(80) && times.min().unwrap() < millis(80));
}

#[test]
fn what_is_wrong_with_files_is_known_when_the_scenario_is_read() {
    let authority = Authority::new();
    authority.write("one", &authority.sign("one"));
    authority.write("two", &authority.sign("two"));
    std::fs::write(authority.path("text"), "no PEM").unwrap();
    std::fs::write(
        authority.path("odd.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let cases = [
        ("ca_file = \"none\"", "2: `ca_file` cannot read "),
        (
            "ca_file = \"text\"",
            "has no certificate; it needs a PEM file",
        ),
        (
            "ca_file = \"odd.pem\"",
            "has a certificate that cannot be used",
        ),
        (
            "client_key = \"one.key\"",
            "2: `client_key` needs its certificate",
        ),
        (
            "client_certificate = \"one.pem\"",
            "2: `client_certificate` needs its key",
        ),
        (
            "client_certificate = \"one.pem\"\nclient_key = \"two.key\"",
            "3: `client_key` ",
        ),
        (
            "client_certificate = \"one.pem\"\nclient_key = \"two.key\"",
            "is not the key of the certificate in ",
        ),
        (
            "client_certificate = \"one.pem\"\nclient_key = \"one.pem\"",
            "has no private key",
        ),
        (
            "client_certificate = \"text\"\nclient_key = \"one.key\"",
            "2: `client_certificate` ",
        ),
        (
            "server_name = \"a b\"",
            "2: `server_name` must be a name such as",
        ),
        ("http = \"3\"", "must be another value than `3`"),
        ("htttp = \"2\"", "2: unknown key `htttp`"),
    ];
    for (connection, expected) in cases {
        let error = scenario_beside(&authority.path("scenario.toml"), connection).unwrap_err();
        assert!(error.contains(expected), "{connection}: {error}");
    }
}

#[tokio::test]
async fn a_certificate_is_shown_over_tls_alone() {
    let authority = Authority::new();
    authority.write("client", &authority.sign("us"));
    let ours = "client_certificate = \"client.pem\"\nclient_key = \"client.key\"";
    let scenario: Scenario = scenario_beside(&authority.path("scenario.toml"), ours).unwrap();
    let refused = check_requests(&scenario, "http://127.0.0.1");
    assert!(matches!(refused, Err(LoadError::CertificateWithoutTls)));
    let refused = check_once(&scenario, "unix:/nowhere", millis(50)).await;
    assert!(matches!(
        refused,
        Err(NotCorrect::Load(LoadError::CertificateWithoutTls))
    ));
    assert!(check_requests(&scenario, "https://127.0.0.1").is_ok());
}

#[tokio::test]
async fn single_requests_trust_whom_a_load_trusts() {
    let authority = Authority::new();
    let acceptor = authority.sign("127.0.0.1").acceptor("http/1.1");
    let (url, _) = https_server(acceptor, ANSWER);
    let request = Get {
        host: &url,
        path: "/ready",
        time_limit: millis(60_000),
        body_limit: Some(2),
    };
    let scenario = |connection| scenario_beside(&authority.path("scenario.toml"), connection);
    let trusting = scenario("ca_file = \"ca.pem\"").unwrap();
    let answer = get(trusting.connecting(), &request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
    let other = Authority::new();
    let distrusting = scenario_beside(&other.path("scenario.toml"), "ca_file = \"ca.pem\"");
    let refused = get(distrusting.unwrap().connecting(), &request).await;
    assert!(
        matches!(&refused, Err(GetError::NoAnswer(cause)) if cause.contains("certificate")),
        "{refused:?}"
    );
}
