//! Clients that disconnect, and clients that exceed memory limits.

use super::*;

/// Hyper does not notice the end of a connection if it has read more than the request.
#[tokio::test]
async fn client_that_leaves_after_more_than_its_request_withdraws_its_question() {
    let mut watched = watched(Limits::default()).await;
    let _in_work = watched.server.ask("block").await;
    assert_eq!(watched.server.next_started().await, "block");
    let next = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n".to_owned();
    for more in ["\r\n".to_owned(), next, "x".repeat(30_000)] {
        let mut gone = watched.server.ask("gone").await;
        until_waiting(&watched, 1).await;
        gone.write_all(more.as_bytes()).await.unwrap();
        until_arrived(&watched.server).await;
        drop(gone);
        until_waiting(&watched, 0).await;
    }
    watched.server.fake.release.send(()).unwrap();
    let next = watched.server.ask("next").await;
    assert_eq!(watched.server.next_started().await, "next");
    drop(next);
}

/// Waits for a number of questions in the queue.
async fn until_waiting(watched: &Watched, questions: usize) {
    let line = format!("bakeoff_queue_items {questions}");
    soon("the queue", async {
        while !watched
            .private("/metrics")
            .await
            .lines()
            .any(|found| found == line)
        {}
    })
    .await;
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let watched = watched(Limits::default()).await;
    for (version, hosts, status) in [
        ("1.1", "", "400"),
        ("1.1", "Host: a\r\nHost: a\r\n", "400"),
        ("1.1", "Host: a\r\nHost: b\r\n", "400"),
        ("1.1", "Host: a\r\n", "200"),
        ("1.1", "Host:\r\n", "200"),
        ("1.0", "", "200"),
        ("1.0", "Host: a\r\n", "200"),
        ("1.0", "Host: a\r\nHost: b\r\n", "400"),
    ] {
        let close = "Connection: close\r\n\r\n";
        let request = format!("GET /health HTTP/{version}\r\n{hosts}{close}");
        let answer = watched.answer_to(request.as_bytes()).await;
        let expected = format!("HTTP/{version} {status} ");
        assert!(answer.starts_with(&expected), "{request}: {answer}");
    }
    watched.until_recovered().await;
}

#[tokio::test]
async fn bodies_together_stay_within_their_memory() {
    let limits = Limits {
        body_memory_bytes: 200_000,
        ..Limits::default()
    };
    let watched = watched(limits).await;
    let mut slow = Vec::new();
    let large = format!(
        "{}{}",
        head("Content-Length: 100001\r\n"),
        " ".repeat(100_000)
    );
    let answer = loop {
        let mut connection = watched.server.connect().await;
        connection.write_all(large.as_bytes()).await.unwrap();
        until_arrived(&watched.server).await;
        // A rejected body is read to its end.
        if slow.len() == 1 {
            connection.write_all(b" ").await.unwrap();
            break soon("the refusal", read_response(&mut connection)).await;
        }
        slow.push(connection);
    };
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    // Small bodies do not count.
    let mut connection = watched.server.ask("c").await;
    let answer = soon("an answer", read_response(&mut connection)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop((slow, connection));
    watched.until_recovered().await;
    let whole = format!(
        "{}{}",
        head("Connection: close\r\nContent-Length: 100000\r\n"),
        " ".repeat(100_000)
    );
    let answer = watched.answer_to(whole.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
}

#[tokio::test]
async fn answers_larger_than_allowed_are_refused_by_every_api() {
    let limits = Limits {
        max_answer_bytes: 2000,
        ..Limits::default()
    };
    let watched = watched(limits).await;
    let context = "a b c d e f g h i j k l m n o p";
    let ask = async |path: &str, body: serde_json::Value| {
        let body = body.to_string();
        let head = head(&format!(
            "Connection: close\r\nContent-Length: {}\r\n",
            body.len()
        ));
        let request = head.replace("/question_answering", path) + &body;
        watched.answer_to(request.as_bytes()).await
    };
    let tensor = |name: &str, text: &str| json!({ "name": name, "shape": [1], "datatype": "BYTES", "data": [text] });
    let inputs = [tensor("question", "a"), tensor("context", context)];
    let infer = "/v2/models/minilm-squad/infer";
    for (top_k, status) in [(2, "200"), (100, "413")] {
        let options = json!({ "top_k": top_k });
        for (path, body) in [
            (
                "/question_answering",
                json!({ "question": "a", "context": context, "top_k": top_k }),
            ),
            (
                "/question_answering",
                json!({ "question": ["a", "b"], "context": context, "top_k": top_k }),
            ),
            (
                "/",
                json!({ "inputs": { "question": "a", "context": context }, "parameters": options }),
            ),
            (infer, json!({ "inputs": inputs, "parameters": options })),
        ] {
            let answer = ask(path, body).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{path}: {answer}"
            );
            assert!(
                status == "200" || answer.contains("larger than 2000 bytes"),
                "{path}: {answer}"
            );
        }
    }
    // The tensors contain each answer twice. The limit is reached while they are written.
    let answer = ask(
        infer,
        json!({ "inputs": inputs, "parameters": { "top_k": 15 } }),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let plain = json!({ "question": "a", "context": context, "top_k": 15 });
    let answer = ask("/question_answering", plain).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
