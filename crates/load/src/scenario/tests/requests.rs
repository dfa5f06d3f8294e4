//! What the requests of a task are made of, and which tasks take part.

use super::*;

#[test]
fn forms_are_encoded_with_their_columns() {
    let folder = folder("{\"name\": \"a&b ä\"}");
    let scenario = parse_in(
        &folder,
        "path = \"/\"\nmethod = \"POST\"\nform = { \"full name\" = \"x=${name}\", b = \"1\" }",
    );
    let scenario = scenario.unwrap();
    let task = &scenario.users()[0].tasks()[0];
    assert_eq!(
        task.requests[0].body.made().of(0),
        "b=1&full%20name=x%3Da%26b%20%C3%A4"
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
    let path = scenario.users()[0].tasks()[0].requests[0].path.made();
    assert_eq!(
        path.of(0),
        "/find/a%2Fb%20%C3%A4%3F?q=a%2Fb%20%C3%A4%3F&literal=${name}"
    );
    assert_eq!(path.of(1), "/find/1.5?q=1.5&literal=${name}");
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
            "1: a task with [[…request]] tables has its `path`",
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
    assert_eq!(error, "there is no [[user]] \"d\"; there are: a, b, c");
}
