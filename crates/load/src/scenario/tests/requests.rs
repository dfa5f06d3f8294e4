//! Requests of tasks, and the selection of tasks.

use super::*;

#[test]
fn forms_are_encoded_with_their_columns() {
    let folder = folder("{\"name\": \"a&b ä\"}");
    let scenario = parse_in(
        &folder,
        "path = \"/\"\nmethod = \"POST\"\nform = { \"full name\" = \"x=${name}\", b = [1, 2.50, true], a = \"\" }",
    );
    let scenario = scenario.unwrap();
    let task = &scenario.users()[0].tasks()[0];
    assert_eq!(
        task.requests[0].body.built().of(0),
        "full%20name=x%3Da%26b%20%C3%A4&b=1&b=2.50&b=true&a="
    );
    assert_eq!(
        task.requests[0].headers.of(0)["content-type"],
        "application/x-www-form-urlencoded"
    );
}

#[test]
fn the_environment_is_filled_in_and_missed() {
    // Cargo sets it for every test.
    let header = |name: &str| {
        parse(&format!(
            "[[task]]\npath = \"/\"\nheaders = {{ x = \"v${{env:{name}}}\" }}"
        ))
    };
    let scenario = header("CARGO_PKG_NAME").unwrap();
    assert_eq!(
        scenario.users()[0].tasks()[0].requests[0].headers.of(0)["x"],
        "vbakeoff-load"
    );
    let error = header("NO_SUCH_VARIABLE").unwrap_err().to_string();
    assert!(
        error.contains("needs the environment variable NO_SUCH_VARIABLE"),
        "{error}"
    );
}

/// The body of the only request of the only task, for its first row.
fn body_of(task: &str) -> String {
    let scenario = parse(&format!("[[task]]\npath = \"/\"\n{task}")).unwrap();
    let request = &scenario.users()[0].tasks()[0].requests[0];
    String::from_utf8(request.body.built().of(0).to_vec()).unwrap()
}

#[test]
fn json_is_sent_as_it_is_written() {
    for (json, expected) in [
        (
            "{ z = 1.10, a = 123456789012345678901234567890, m = [1e2, -0.0, +5, 1_000, 0xff] }",
            r#"{"z":1.10,"a":123456789012345678901234567890,"m":[1e2,-0.0,5,1000,255]}"#,
        ),
        (
            "{ t = 2026-01-31T08:15:00Z, s = \"a\\\"b\", e = {}, l = [] }",
            r#"{"t":"2026-01-31T08:15:00Z","s":"a\"b","e":{},"l":[]}"#,
        ),
        ("\"\"", "\"\""),
        ("[]", "[]"),
    ] {
        assert_eq!(body_of(&format!("json = {json}")), expected);
    }
    let as_table = "[task.json]\nz = 1.50\na = 2\n[task.json.inner]\nx = 1";
    assert_eq!(body_of(as_table), r#"{"z":1.50,"a":2,"inner":{"x":1}}"#);
}

#[test]
fn numbers_of_rows_are_sent_as_they_are_written() {
    let folder = folder(
        "{\"n\": 1.10, \"big\": 123456789012345678901234567890, \"o\": {\"z\": 1e2, \"a\": 0}}",
    );
    let task = "path = \"/${n}/${big}\"\njson = { n = \"${n}\", o = \"${o}\", t = \"${big}!\" }";
    let scenario = parse_in(&folder, task).unwrap();
    let request = &scenario.users()[0].tasks()[0].requests[0];
    assert_eq!(
        request.path.built().of(0),
        "/1.10/123456789012345678901234567890"
    );
    assert_eq!(
        request.body.built().of(0),
        r#"{"n":1.10,"o":{"z": 1e2, "a": 0},"t":"123456789012345678901234567890!"}"#
    );
}

#[test]
fn a_null_is_part_of_json_and_not_of_a_text() {
    let folder = folder("{\"n\": null}");
    let scenario = parse_in(&folder, "path = \"/\"\njson = { n = \"${n}\" }").unwrap();
    let request = &scenario.users()[0].tasks()[0].requests[0];
    assert_eq!(request.body.built().of(0), r#"{"n":null}"#);
    let error = error_in(&folder, "path = \"/${n}\"");
    assert!(
        error.starts_with("rows.jsonl:1: the column `n` is null"),
        "{error}"
    );
}

#[test]
fn tables_are_rows_of_texts() {
    let folder = tempfile::tempdir().unwrap();
    let task = "[[task]]\npath = \"/${name}\"\njson = { age = \"${age}\" }\n";
    for (file, text) in [
        ("a.csv", "\u{feff}name,age\r\n\"Ada, L\",36\r\nBob,7\r\n"),
        ("b.TSV", "name\tage\nAda, L\t36\nBob\t7"),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
        let text = format!("{task}data = {{ file = \"{file}\" }}");
        let scenario = Scenario::parse(&text, &folder.path().join("s.toml")).unwrap();
        let request = &scenario.users()[0].tasks()[0].requests[0];
        assert_eq!(request.path.built().of(0), "/Ada%2C%20L");
        assert_eq!(request.body.built().of(1), r#"{"age":"7"}"#);
    }
    fs::write(folder.path().join("c.csv"), "name,age\nAda,1\nBob\n").unwrap();
    let text = format!("{task}data = {{ file = \"c.csv\" }}");
    let error = Scenario::parse(&text, &folder.path().join("s.toml")).unwrap_err();
    let expected = "c.csv:3: the row has 1 values, and there are 2 columns";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn rows_can_be_in_the_scenario_itself() {
    let scenario = parse(
        "[[task]]\npath = \"/${user}\"\njson = { n = \"${n}\" }\ndata = { rows = [{ user = \"a\", n = 1.0 }, { user = \"b\", n = [1] }] }",
    );
    let scenario = scenario.unwrap();
    let task = &scenario.users()[0].tasks()[0];
    assert_eq!(task.rows, 2);
    assert_eq!(task.requests[0].path.built().of(1), "/b");
    assert_eq!(task.requests[0].body.built().of(0), r#"{"n":1.0}"#);
    assert_eq!(task.requests[0].body.built().of(1), r#"{"n":[1]}"#);
}

#[test]
fn a_column_comes_before_a_value_that_is_made() {
    let folder = folder("{\"uuid\": \"mine\"}");
    let scenario = parse_in(&folder, "path = \"/${uuid}\"").unwrap();
    let request = &scenario.users()[0].tasks()[0].requests[0];
    assert_eq!(request.path.built().of(0), "/mine");
}

#[test]
fn fields_and_files_are_parts_of_a_body() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), b"\x00abc").unwrap();
    let text =
        "[[task]]\npath = \"/\"\nmultipart = { note = \"x ${uuid:}\", tags = [\"a\", 2.50], \
        file = { file = \"a.txt\", filename = \"\\\"q\\\".txt\", content_type = \"text/plain\" } }"
            .replace("${uuid:}", "y");
    let scenario = Scenario::parse(&text, &folder.path().join("s.toml")).unwrap();
    let request = &scenario.users()[0].tasks()[0].requests[0];
    let content_type = request.headers.of(0)["content-type"].to_str().unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let part = |head: &str, body: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
    };
    let expected = [
        part("name=\"note\"", "x y"),
        part("name=\"tags\"", "a"),
        part("name=\"tags\"", "2.50"),
        part(
            "name=\"file\"; filename=\"%22q%22.txt\"\r\nContent-Type: text/plain",
            "\0abc",
        ),
        format!("--{boundary}--\r\n"),
    ];
    assert_eq!(request.body.built().of(0), expected.concat().as_bytes());
    assert_eq!(scenario.data_files().len(), 1);
}

#[test]
fn what_the_environment_holds_is_never_shown() {
    // Cargo sets these for every test: a text with line ends is not among them, so a path of this crate takes its place.
    let secret = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let task = |rest: &str| format!("\n[[task]]\npath = \"/\"\n{rest}");
    for rest in [
        "headers = { x = \"${env:CARGO_MANIFEST_DIR}\\u0007\" }",
        "headers = { x = \"${env:CARGO_MANIFEST_DIR}${a}\" }\ndata = { rows = [{ a = \"\\n\" }] }",
    ] {
        let error = parse(&task(rest)).unwrap_err().to_string();
        assert!(
            error.starts_with("scenarios/qa.toml:4: header `x`"),
            "{error}"
        );
        assert!(!error.contains(&secret), "{error}");
    }
}

#[test]
fn tags_select_tasks() {
    let task = |path: &str, tags: &str| format!("[[task]]\npath = \"{path}\"\ntags = [{tags}]\n");
    let text = [
        task("/a", "\"read\""),
        task("/b", "\"read\", \"slow\""),
        task("/c", ""),
    ];
    let left = |tags: &[&str], excluded: &[&str]| {
        let owned = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut scenario = parse(&text.concat()).unwrap();
        scenario.select(&owned(tags), &owned(excluded)).map(|()| {
            let names = scenario.users()[0]
                .tasks()
                .iter()
                .map(|task| task.name().to_owned());
            names.collect::<Vec<_>>().concat()
        })
    };
    assert_eq!(left(&[], &[]).unwrap(), "/a/b/c");
    assert_eq!(left(&["read"], &[]).unwrap(), "/a/b");
    assert_eq!(left(&["read"], &["slow"]).unwrap(), "/a");
    assert_eq!(left(&[], &["read"]).unwrap(), "/c");
    assert!(matches!(left(&["none"], &[]), Err(ScenarioError::NoTask)));
}

#[test]
fn columns_are_encoded_for_the_path() {
    let folder = folder("{\"name\": \"a/b ä?\"}\n{\"name\": 1.5}");
    let scenario = parse_in(
        &folder,
        "path = \"/find/${name}?q=${name}&literal=$${name}\"",
    )
    .unwrap();
    let path = scenario.users()[0].tasks()[0].requests[0].path.built();
    assert_eq!(
        path.of(0),
        "/find/a%2Fb%20%C3%A4%3F?q=a%2Fb%20%C3%A4%3F&literal=$%7Bname%7D"
    );
    assert_eq!(path.of(1), "/find/1.5?q=1.5&literal=$%7Bname%7D");
}

#[test]
fn a_mistake_in_a_user_class_is_named_with_its_line() {
    let cases = [
        (
            "[[user]]\nname = \"a\"",
            "1: a [[user]] needs at least one [[user.task]]",
        ),
        (
            "[[user]]\nname = \"a\"\nweight = 1\nfixed_count = 1\n[[user.task]]\npath = \"/\"",
            "1: a [[user]] has a `weight` or a `fixed_count`, not both",
        ),
        (
            "[[user]]\nname = \"a\"\n[[user.task]]\npath = \"/\"\n[[user]]\nname = \"a\"\n[[user.task]]\npath = \"/\"",
            "5: there is a [[user]] \"a\" already",
        ),
        (
            "[[task]]\npath = \"/\"\n[[user]]\nname = \"a\"\n[[user.task]]\npath = \"/\"",
            "1: with [[user]] tables every task belongs to one",
        ),
        (
            "[load]\narrival_rate = 5\n[[user]]\nname = \"a\"\nfixed_count = 1\n[[user.task]]\npath = \"/\"",
            "3: `fixed_count` is for a number of users",
        ),
        (
            "[[task]]\npath = \"/\"\n[[task.request]]\npath = \"/\"",
            "1: in a task with [[…request]] tables, `path`",
        ),
        (
            "[[task]]\n[[task.request]]\npath = \"/\"\nweight = 2",
            "2: `weight`, `tags`, `data` and `request` belong to the task",
        ),
        (
            "[[task]]\npath = \"/\"\nextract = { a = { json = \"b\" } }",
            "3: `json` must be a JSON pointer",
        ),
        (
            "[[task]]\npath = \"/\"\nextract = { a = { json = \"/b\", header = \"c\" } }",
            "3: a value is taken by one of",
        ),
        (
            "[[task]]\npath = \"/\"\nextract = { a = { matches = \"(\" } }",
            "3: `matches` must be a regular expression",
        ),
        (
            "[[task]]\npath = \"/\"\nauth = { }",
            "3: `auth` is { bearer",
        ),
        (
            "[[task]]\npath = \"/\"\nauth = { basic = { user = \"a:b\", password = \"c\" } }",
            "3: the `user` of `basic` cannot have a colon",
        ),
        (
            "[[task]]\npath = \"/${b}${c}\"\nextract = { b = { json = \"/b\" } }",
            "2: `${c}` needs rows",
        ),
    ];
    for (text, expected) in cases {
        let error = error(text);
        let expected = format!("scenarios/qa.toml:{expected}");
        assert!(error.starts_with(&expected), "{text}\n{error}\n{expected}");
    }
}

#[test]
fn names_and_passwords_are_encoded_and_own_headers_come_first() {
    let folder = folder("{\"password\": \"open sesame\"}");
    let text = r#"
        [[user]]
        name = "a"
        headers = { x-a = "class", x-b = "class" }
        auth = { bearer = "of the class" }
        [[user.task]]
        path = "/"
        headers = { x-b = "own" }
        auth = { basic = { user = "Aladdin", password = "${password}" } }
        data = { file = "rows.jsonl" }
    "#;
    let scenario = Scenario::parse(text, &folder.path().join("s.toml")).unwrap();
    let headers = scenario.users()[0].tasks()[0].requests[0].headers.of(0);
    // The example of RFC 7617.
    assert_eq!(
        headers["authorization"],
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    );
    assert_eq!(
        (&headers["x-a"], &headers["x-b"]),
        (&"class".parse().unwrap(), &"own".parse().unwrap())
    );
}

#[test]
fn classes_are_selected_by_name() {
    let class = |name: &str| format!("[[user]]\nname = \"{name}\"\n[[user.task]]\npath = \"/\"\n");
    let select = |names: &[&str]| {
        let mut scenario = parse(&["a", "b", "c"].map(class).concat()).unwrap();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        scenario.select_users(&names).map(|()| {
            let names = scenario.users().iter().map(|class| class.name().to_owned());
            names.collect::<Vec<_>>().concat()
        })
    };
    assert_eq!(select(&[]).unwrap(), "abc");
    assert_eq!(select(&["c", "a"]).unwrap(), "ac");
    let error = select(&["d"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot select the user class \"d\": the scenario has only a, b, c"
    );
}
