//! Compressed bodies.

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

use super::*;

/// A body, and what `Content-Encoding` says of it.
async fn ask_compressed(bench: &Bench, body: Vec<u8>, encoding: &str) -> (StatusCode, Value) {
    let request = Request::post("/question_answering")
        .header(header::CONTENT_ENCODING, encoding)
        .body(Body::from(body))
        .unwrap();
    json_of(app(&bench.service).oneshot(request).await.unwrap()).await
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let bench = bench();
    let body = json!({ "question": "cat", "context": "A cat." }).to_string();
    let body = body.as_bytes();
    for (body, encoding) in [
        (gzip(body), "gzip"),
        (gzip(body), "X-GZIP, identity"),
        (deflate(body), "deflate"),
        (body.to_vec(), "identity"),
    ] {
        let (status, answer) = ask_compressed(&bench, body, encoding).await;
        assert_eq!(
            (status, &answer["answer"]),
            (StatusCode::OK, &json!("cat")),
            "{encoding}"
        );
    }
}

#[tokio::test]
async fn other_compressions_are_refused_by_name() {
    let bench = bench();
    for encoding in ["br", "gzip, gzip", "zstd"] {
        let (status, body) = ask_compressed(&bench, b"{}".to_vec(), encoding).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encoding}");
        assert!(
            body["detail"]
                .as_str()
                .unwrap()
                .contains("Content-Encoding"),
            "{body}"
        );
    }
    let (status, body) = ask_compressed(&bench, b"{}".to_vec(), "gzip").await;
    let said = json!({ "detail": "the body is not compressed as Content-Encoding says" });
    assert_eq!((status, body), (StatusCode::BAD_REQUEST, said));
    let mut cut = gzip(b"{}");
    cut.truncate(12);
    assert_eq!(
        ask_compressed(&bench, cut, "gzip").await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_once_it_is_decompressed_is_refused() {
    let bench = bench();
    let limit = bench.service.config.limits.max_body_bytes;
    let body = |spaces: usize| {
        let body = json!({ "question": "cat", "context": "A cat." }).to_string();
        format!("{}{body}", " ".repeat(spaces - body.len()))
    };
    let (status, _) = ask_compressed(&bench, gzip(body(limit).as_bytes()), "gzip").await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = ask_compressed(&bench, gzip(body(limit + 1).as_bytes()), "gzip").await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
