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
    let task = &scenario.tasks()[0];
    assert_eq!(task.body.of(0), "b=1&full%20name=x%3Da%26b%20%C3%A4");
    assert_eq!(
        task.headers.of(0)["content-type"],
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
    assert_eq!(scenario.tasks()[0].headers.of(0)["x"], "vbakeoff-load");
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
            let names = scenario.tasks().iter().map(|task| task.name().to_owned());
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
    let path = &scenario.tasks()[0].path;
    assert_eq!(
        path.of(0),
        "/find/a%2Fb%20%C3%A4%3F?q=a%2Fb%20%C3%A4%3F&literal=${name}"
    );
    assert_eq!(path.of(1), "/find/1.5?q=1.5&literal=${name}");
}
