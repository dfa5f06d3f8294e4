//! Loads over other ways than IPv4.

use std::os::unix::net::UnixListener;

use bakeoff_load::check_once;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{
    ONE_TASK, causes, config, lasting, measure, millis, requests, scenario, serve_raw,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_unix_socket_is_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::UnixListener::from_std(listener).unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            let text = String::from_utf8_lossy(&head).to_lowercase();
                            let right = text.starts_with("get /api/ ")
                                && text.contains("\r\nhost: localhost\r\n");
                            assert!(right, "{text}");
                            head.clear();
                            stream.write_all(ANSWER).await.unwrap();
                        }
                    }
                });
            }
        });
    });
    let path = path.display().to_string();
    let encoded = path.replace('/', "%2F").replace(' ', "%20");
    let measurement = measure(
        &scenario(ONE_TASK),
        &lasting(&format!("http+unix://{encoded}/api"), 3, millis(150)),
    );
    assert_eq!(causes(&measurement), []);
    assert!(requests(&measurement) > 10);
    assert_eq!(measurement.connections_opened, 3);
    let with_prefix = scenario("[[task]]\npath = \"/api/\"");
    let measurement = measure(
        &with_prefix,
        &lasting(&format!("unix:{path}"), 1, millis(50)),
    );
    assert_eq!(causes(&measurement), []);
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let error = check_once(&scenario(ONE_TASK), "unix:/nowhere/app.sock", millis(500)).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "request `/`: there is no socket /nowhere/app.sock"
    );
}

#[test]
fn an_address_of_ipv6_is_a_server() {
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let (url, connections) = serve_raw(listener, |stream| {
        while crate::server::read_request(stream) {
            crate::server::write(stream, std::str::from_utf8(ANSWER).unwrap());
        }
    });
    assert!(url.starts_with("http://[::1]:"), "{url}");
    let measurement = measure(&scenario(ONE_TASK), &config(&url, 2, millis(100)));
    assert_eq!(causes(&measurement), []);
    assert_eq!(
        (connections.count(), measurement.connections_opened),
        (2, 2)
    );
}
