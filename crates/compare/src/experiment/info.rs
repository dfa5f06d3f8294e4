//! What a contender tells of itself when it is asked once, such as the settings that it chose, for the report.
//!
//! It keeps names and values whatever they mean: no contender is known here.

use std::time::Duration;

use bakeoff_record::Fact;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpStream;

use super::turn::{Stage, block_on, with_causes};
use crate::file::ContenderConfig;
use crate::manifest::{fact, is_secret};
use crate::ready;

/// The longest time that the answer may take, from the connection to its last byte.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const MOST_BYTES: usize = 64 * 1024;
/// Fields that are kept, in the order of their names.
const MOST_FIELDS: usize = 20;
/// Characters of a field's name that are kept.
const NAME_CHARS: usize = 60;
/// Characters of a field's value that are kept.
const VALUE_CHARS: usize = 200;

/// Sends the contender at `address` its `info` request on the first call for this contender, and adds the answer to the facts
/// of the contender and of its control. If the answer cannot be used, one fact gives the reason. Called when it is ready.
pub(super) fn note(config: &ContenderConfig, address: &str, stage: &mut Stage<'_>) {
    let Some(path) = &config.info else { return };
    let experiment = &mut *stage.experiment;
    let plan = &experiment.plan;
    let control = plan.control.as_ref();
    let control = control.filter(|_| plan.baseline == config.name);
    let of_contender = |name: &String| *name == config.name || Some(name) == control;
    let contenders = experiment.contenders.iter_mut();
    let mut contenders = contenders.filter(|other| of_contender(&other.name));
    let Some(first) = contenders.next() else {
        return;
    };
    if first.facts.iter().any(is_answer) {
        return;
    }
    let asked = async { tokio::time::timeout(PATIENCE, ask(address, path)).await };
    let answer = match block_on(stage.stop.run_until_cancelled(asked)) {
        Ok(None) => return,
        Ok(Some(Ok(answer))) => answer,
        Ok(Some(Err(_))) => Err(format!("no answer after {} s", PATIENCE.as_secs())),
        Err(no_runtime) => Err(no_runtime),
    };
    let facts = answer
        .and_then(|body| fields(&body))
        .unwrap_or_else(|why| vec![fact("info", format!("not told: {why}"))]);
    for other in contenders {
        other.facts.extend_from_slice(&facts);
    }
    first.facts.extend(facts);
}

/// `true` if `fact` comes from an earlier question.
fn is_answer(fact: &Fact) -> bool {
    fact.name == "info" || fact.name.starts_with("info: ")
}

/// The body of the answer to `GET path`. The error says why there is none.
async fn ask(address: &str, path: &str) -> Result<Bytes, String> {
    let (authority, prefix) = ready::split(address);
    let stream = TcpStream::connect(ready::with_port(authority)).await;
    let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
    let connected = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| with_causes(&error))?;
    // It ends with the runtime, which is made for this one question.
    tokio::spawn(connection);
    let request = Request::get(format!("{prefix}{path}"))
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| with_causes(&error))?;
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| with_causes(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(format!("status {}", answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            format!("the answer is over {} KiB", MOST_BYTES / 1024)
        } else {
            with_causes(&*error)
        }
    })?;
    Ok(body.to_bytes())
}

/// The strings, numbers and booleans of a JSON object, a fact each, without those that may be secret.
fn fields(body: &[u8]) -> Result<Vec<Fact>, String> {
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "the answer is no JSON object".to_owned())?;
    let fields = object.iter().filter(|(name, _)| !is_secret(name));
    let facts: Vec<Fact> = fields
        .filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => on_one_line(text, VALUE_CHARS),
                Value::Number(number) => on_one_line(&number.to_string(), VALUE_CHARS),
                Value::Bool(is_so) => is_so.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            };
            let name = format!("info: {}", on_one_line(name, NAME_CHARS));
            Some(fact(&name, value))
        })
        .take(MOST_FIELDS)
        .collect();
    if facts.is_empty() {
        return Err("the answer has no field with a string, a number or a boolean".to_owned());
    }
    Ok(facts)
}

fn on_one_line(text: &str, most_chars: usize) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(most_chars).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(body: &str) -> Vec<(String, String)> {
        let facts = fields(body.as_bytes()).unwrap().into_iter();
        facts.map(|fact| (fact.name, fact.value)).collect()
    }

    #[test]
    fn scalar_fields_become_facts_and_secrets_do_not() {
        let body = r#"{"isa": "AVX2\u001b[1m", "threads": 2, "ready": true, "limits": {"items": 1}, "names": ["a"], "none": null,
            "api_key": "hush", "HF_Token": "hush", "client_secret": 1, "Password": true, "credentials": "hush"}"#;
        let expected = [
            ("info: isa", "AVX2 [1m"),
            ("info: ready", "true"),
            ("info: threads", "2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(body), expected);
    }

    #[test]
    fn only_so_many_fields_are_kept_and_only_so_much_of_them() {
        let many: Map<String, Value> = (10..60)
            .map(|number| {
                (
                    format!("n{number}{}", "é".repeat(100)),
                    "ü".repeat(500).into(),
                )
            })
            .collect();
        let pairs = pairs(&Value::Object(many).to_string());
        assert_eq!(pairs.len(), MOST_FIELDS);
        for (name, value) in pairs {
            assert_eq!(name.chars().count(), "info: ".len() + NAME_CHARS);
            assert_eq!(value.chars().count(), VALUE_CHARS);
        }
    }

    #[test]
    fn an_answer_without_fields_says_so() {
        for (body, expected) in [
            ("hello", "the answer is no JSON object"),
            ("[1]", "the answer is no JSON object"),
            ("\"text\"", "the answer is no JSON object"),
            ("{}", "the answer has no field with"),
            (r#"{"key": "hush"}"#, "the answer has no field with"),
        ] {
            let error = fields(body.as_bytes()).unwrap_err();
            assert!(error.starts_with(expected), "{body}: {error}");
        }
    }
}
