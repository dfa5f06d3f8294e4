//! What is wrong with a scenario, in words.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_mistake_is_named_with_its_file_line_and_key() {
    let cases = [
        (
            "[load]\nusres = 70\n",
            "2: unknown key `usres`, expected one of `users`, `spawn_rate`",
        ),
        (
            "[load]\nusers = 0\n",
            "2: `users` must be a whole number of at least 1, not 0",
        ),
        (
            "[load]\nusers = -3\n",
            "2: `users` must be a whole number of at least 1, not -3",
        ),
        (
            "[load]\nusers = \"70\"\n",
            "2: `users` must be a whole number of at least 1, not \"70\"",
        ),
        (
            "[load]\nusers = 5000000000\n",
            "2: `users` must be a whole number",
        ),
        (
            "[load]\nspawn_rate = 0.0\n",
            "2: `spawn_rate` must be a number above 0, not 0.0",
        ),
        (
            "[load]\nspawn_rate = nan\n",
            "2: `spawn_rate` must be a number above 0, not nan",
        ),
        (
            "[load]\nrun_time = \"0s\"\n",
            "2: `run_time` must be a duration above 0, such as \"60s\", not \"0s\"",
        ),
        (
            "[load]\nrun_time = 60\n",
            "2: `run_time` must be a duration above 0, such as \"60s\", not 60",
        ),
        (
            "[load]\nwait_time = \"-1s\"\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { between = [\"3s\", \"1s\"] }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { constant_pacing = \"0s\" }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { constant_throughput = 1e-300 }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nwait_time = { sometimes = 1 }\n",
            "2: `wait_time` must be a duration such as",
        ),
        (
            "[load]\nstages = [{ users = 3 }]\n",
            "2: missing key `duration`",
        ),
        (
            "[load]\nstages = []\n",
            "2: `stages` needs at least one stage",
        ),
        (
            "[load]\nusers = 2\nstages = [{ duration = \"1s\", users = 3 }]\n",
            "3: `stages` say how many users there are",
        ),
        (
            "[load]\narrival_rate = 0\n",
            "2: `arrival_rate` must be a number of requests per second above 0",
        ),
        (
            "[load]\narrival_rate = { from = 1, to = -1, over = \"1s\" }\n",
            "2: `arrival_rate` must be",
        ),
        (
            "[load]\nusers = 2\narrival_rate = 50\n",
            "3: with `arrival_rate` requests arrive by themselves",
        ),
        (
            "[load]\narrivals = \"often\"\n",
            "2: `arrivals` must be another value than `often`",
        ),
        (
            "[load]\nmax_in_flight = 0\n",
            "2: `max_in_flight` must be a whole number of at least 1",
        ),
        (
            "[load]\niterations = -3\n",
            "2: `iterations` must be a whole number of at least 1",
        ),
        (
            "host = \"127.0.0.1:8000\"\n",
            "1: `host` `127.0.0.1:8000` is no address of a server",
        ),
        ("nmae = \"x\"\n", "1: unknown key `nmae`"),
        (
            "name = 3\n",
            "1: `name` must be of another type: integer `3`, expected a string",
        ),
        ("load = 3\n", "1: `load` must be of another type"),
        ("name =\n", "1: "),
        (
            "[[threshold]]\nmetric = \"p95\"\nbelow = \"1s\"\n",
            "2: `metric` must be response_time.p95 (or",
        ),
        (
            "[[threshold]]\nmetric = \"response_time.p95\"\nbelow = 500\n",
            "3: `below` must be a duration",
        ),
        (
            "[[threshold]]\nmetric = \"fail_ratio\"\nbelow = 5\n",
            "3: `below` must be a number from 0 to 1",
        ),
        (
            "[[threshold]]\nmetric = \"requests\"\nabove = \"1s\"\n",
            "3: `above` must be a number of at least 0",
        ),
        (
            "[[threshold]]\nmetric = \"requests\"\n",
            "2: a [[threshold]] needs `above`, `below`, `at_least` or `at_most`",
        ),
        (
            "[[threshold]]\nmetric = \"failures\"\nbelow = 0\n",
            "3: `below = 0` can never hold; write `at_most = 0`",
        ),
        (
            "[[threshold]]\nmetric = \"fail_ratio\"\nabove = 1\n",
            "3: `above = 1` can never hold; write `at_least = 1`",
        ),
        (
            "[load]\nrun_time = \"30M\"\n",
            "2: `run_time` must be a duration above 0, such as \"60s\", not \"30M\": `M` is no unit of a time; write `m`",
        ),
    ];
    for (text, expected) in cases {
        let error = error(&format!("{text}{TASK}"));
        let expected = format!("scenarios/qa.toml:{expected}");
        assert!(error.starts_with(&expected), "{text}\n{error}\n{expected}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_mistake_in_a_task_is_named_with_its_line_and_key() {
    let cases = [
        ("", "1: a request needs a `path`, such as"),
        (
            "path = \"ask\"",
            "2: `path` must start with `/`, not \"ask\"",
        ),
        ("path = \"/${\"", "2: `path` has a `${` without its `}`"),
        (
            "path = \"/${}\"",
            "2: `path` has a `${}` without a column's name",
        ),
        ("path = \"/\"\nwieght = 2", "3: unknown key `wieght`"),
        (
            "path = \"/\"\nweight = 0",
            "3: `weight` must be a whole number of at least 1, not 0",
        ),
        (
            "path = \"/\"\nmethod = \"GET IT\"",
            "3: `method` must be one such as GET, POST or PURGE",
        ),
        (
            "path = \"/\"\nmethod = \"connect\"",
            "3: `method` must be one such as GET, POST or PURGE, and not CONNECT",
        ),
        (
            "path = \"/${random_int:2:1}\"",
            "2: `path` has `${random_int:2:1}`, which needs the least and the most",
        ),
        (
            "path = \"/\"\nform = { a = { b = 1 } }",
            "3: `form` has a list or a table where a single value belongs",
        ),
        (
            "path = \"/\"\nform = 3",
            "3: `form` must be a table of fields",
        ),
        (
            "path = \"/\"\nmultipart = { a = { fiel = \"x\" } }",
            "3: `multipart` has files as { file = ",
        ),
        (
            "path = \"/\"\ndata = { rows = [3] }",
            "3: `rows` needs tables, such as",
        ),
        (
            "path = \"/\"\ndata = { rows = [] }",
            "3: `rows` needs at least one row",
        ),
        (
            "path = \"/\"\ndata = { rows = [{ a = 1 }], file = \"x\" }",
            "1: `data` has a `file` of rows, or the `rows` themselves",
        ),
        (
            "path = \"/${a}\"\ndata = { rows = [{ a = 1 }, { b = 1 }] }",
            "3: the row has no column `a`",
        ),
        (
            "path = \"/\"\ncheck = [{ json = \"/a\", below = \"x\" }]",
            "3: `below` must be a number",
        ),
        (
            "path = \"/\"\ncheck = [{ json = \"/a\", one_of = [] }]",
            "3: `one_of` needs at least one value",
        ),
        (
            "path = \"/\"\ncheck = [{ status = [] }]",
            "3: `status` needs at least one number",
        ),
        (
            "path = \"/\"\nbody = \"a\"\njson = 1",
            "3: a request has one of `json`, `form`, `multipart`, `body` and `body_file`",
        ),
        (
            "path = \"/\"\njson = { x = nan }",
            "3: `json` has nan, which JSON cannot say",
        ),
        (
            "path = \"/${id}\"",
            "2: `${id}` needs rows to be filled in from",
        ),
        (
            "path = \"/\"\njson = { x = \"${id}\" }",
            "3: `${id}` needs rows to be filled in from",
        ),
        (
            "path = \"/\"\ntimeout = \"soon\"",
            "3: `timeout` must be a duration above 0",
        ),
        (
            "path = \"/\"\nheaders = { \"a b\" = \"c\" }",
            "3: header `a b` is no valid name",
        ),
        (
            "path = \"/\"\nheaders = { content-length = \"3\" }",
            "3: header `content-length` follows from the body",
        ),
        (
            "path = \"/\"\ncheck = [{ status = 99 }]",
            "3: `status` must be from 100 to 999, not 99",
        ),
        (
            "path = \"/\"\ncheck = [{ status = 200 }, { status = 201 }]",
            "3: a task can have one check of `status` only",
        ),
        (
            "path = \"/\"\ncheck = [{ json = \"answer\" }]",
            "3: `json` must be a JSON pointer",
        ),
        (
            "path = \"/\"\ncheck = [{ json = \"/a\", kind = \"strng\" }]",
            "3: `kind` must be another value than `strng`",
        ),
        (
            "path = \"/\"\ncheck = [{ kind = \"string\" }]",
            "3: a check is one of",
        ),
        (
            "path = \"/\"\ndata = { file = \"x\", order = \"random\" }",
            "3: `order` must be another value than `random`",
        ),
    ];
    for (task, expected) in cases {
        let error = error(&format!("[[task]]\n{task}\n"));
        let expected = format!("scenarios/qa.toml:{expected}");
        assert!(error.starts_with(&expected), "{task}\n{error}\n{expected}");
    }
    assert_eq!(
        error("name = \"x\"\n"),
        "scenarios/qa.toml:2: there is no [[task]]; users need at least one with a `path`"
    );
}

#[test]
fn a_bad_data_file_is_named_with_its_line() {
    let task = "path = \"/\"\njson = { x = \"${x}\" }";
    let cases = [
        (
            "",
            "rows.jsonl has no rows; it needs one JSON object a line",
        ),
        (
            "\u{feff}\n  \n",
            "rows.jsonl has no rows; it needs one JSON object a line",
        ),
        (
            "{\"x\": \"a\"}\n{\"x\": nan}\n",
            "rows.jsonl:2: the row is no JSON object: expected ident at column 8",
        ),
        (
            "x,y\n1,2\n",
            "rows.jsonl:1: the row is no JSON object: expected value at column 1; a table needs a name that ends with .csv",
        ),
        (
            "[{\"x\": 1}]\n",
            "rows.jsonl:1: the row is no JSON object: invalid type: sequence, expected a map; \
             of a list of objects, `jq -c '.[]'` makes one object a line",
        ),
        (
            "{\"x\": 1}\n{\"y\": 1}\n",
            "rows.jsonl:2: the row has no column `x`, which scenario.toml fills in",
        ),
        (
            "{\"x\": 1}\n\n{\"x\": \n",
            "rows.jsonl:3: the row is no JSON object",
        ),
        ("[1, 2]\n", "rows.jsonl:1: the row is no JSON object"),
    ];
    for (rows, expected) in cases {
        let error = error_in(&folder(rows), task);
        assert!(error.starts_with(expected), "{rows}\n{error}\n{expected}");
    }
    let unreadable = folder("\u{0}");
    fs::write(unreadable.path().join("rows.jsonl"), [0xff, 0xfe]).unwrap();
    assert_eq!(error_in(&unreadable, task), "cannot read rows.jsonl");
    fs::remove_file(unreadable.path().join("rows.jsonl")).unwrap();
    assert_eq!(error_in(&unreadable, task), "cannot read rows.jsonl");
    let header = error_in(
        &folder("{\"x\": \"a\\nb\"}"),
        "path = \"/\"\nheaders = { x-x = \"${x}\" }",
    );
    assert!(
        header.ends_with("header `x-x` would have a line end that no header can have: \"a\\nb\""),
        "{header}"
    );
}

#[test]
fn too_many_users_of_a_fixed_number_are_refused_before_they_are_given_their_places() {
    let class = |name: &str, count: u32| {
        format!("[[user]]\nname = \"{name}\"\nfixed_count = {count}\n[[user.task]]\npath = \"/\"\n")
    };
    assert!(parse(&class("a", 1_000_000)).is_ok());
    let error = error(&(class("a", 1_000_000) + &class("b", u32::MAX)));
    let words = "qa.toml:6: the `fixed_count` of this and the [[user]] tables before it is 4295967295 users, the limit is 1000000";
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_scenario_that_cannot_be_read_is_named() {
    let error = Scenario::open(Path::new("no/such.toml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such.toml");
}
