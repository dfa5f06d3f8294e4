//! Requests of other sites, and the login.

use axum::http::header;

use super::page;

#[tokio::test]
async fn browsers_are_told_to_load_nothing_from_elsewhere() {
    let page = page(None);
    for path in ["/", "/assets/app.js", "/stats/requests", "/none"] {
        let answer = page.get(path).await;
        let policy = &answer.headers[header::CONTENT_SECURITY_POLICY];
        assert!(
            policy.to_str().unwrap().starts_with("default-src 'self'"),
            "{path}"
        );
        assert!(
            !answer
                .headers
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
    }
}

#[tokio::test]
async fn other_sites_change_and_read_nothing() {
    let page = page(None);
    for (method, path) in [
        ("POST", "/swarm"),
        ("POST", "/stop"),
        ("POST", "/stats/reset"),
        ("PATCH", "/history/1"),
        ("DELETE", "/history/1"),
    ] {
        let foreign = [("origin", "http://elsewhere.example")];
        assert_eq!(
            page.ask(method, path, &foreign, "").await.status,
            403,
            "{method} {path}"
        );
    }
    let renamed = [("host", "attacker.example")];
    assert_eq!(page.ask("GET", "/history", &renamed, "").await.status, 403);
    assert_eq!(page.get("/history/1").await.status, 200);
}

#[tokio::test]
async fn only_the_login_lets_in() {
    let page = page(Some("ada:secret"));
    let basic = |login: &str| {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(login);
        format!("Basic {encoded}")
    };
    let right = basic("ada:secret");
    for path in ["/", "/stats/requests", "/events", "/history"] {
        let answer = page.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    for wrong in [
        basic("ada:secre"),
        basic("ada"),
        right.replace("Basic", "Bearer"),
        "Basic !".to_owned(),
    ] {
        let answer = page.ask("GET", "/", &[("authorization", &wrong)], "").await;
        assert_eq!(answer.status, 401, "{wrong}");
    }
    let answer = page.ask("GET", "/", &[("authorization", &right)], "").await;
    assert_eq!(answer.status, 200);
}
