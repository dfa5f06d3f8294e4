//! Bodies of requests: JSON, forms, multipart forms, files and texts.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::TaskTable;
use super::source::{Source, read_file};
use super::template::{IsKnown, Json, NoValue, Text, Values, written};
use crate::error::ScenarioError;
use crate::url_path::percent_encoded;

/// Boundary between the parts of a multipart body. It is too long to be in a file by chance.
const BOUNDARY: &str = "bakeoff-7c1d0f6e5b2a49f38e0d96a4c35b718f";

/// The body of a request before it is filled in.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Fixed(Bytes),
    Json(Json),
    Text(Text),
    Form(Vec<(String, Text)>),
    Multipart(Vec<Field>),
}

/// One part of a multipart body (RFC 7578).
#[derive(Debug, Clone)]
pub(crate) struct Field {
    name: String,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Text(Text),
    File {
        bytes: Bytes,
        filename: String,
        content_type: Option<String>,
    },
}

impl Body {
    /// Templates of the body.
    fn texts(&self) -> Box<dyn Iterator<Item = &Text> + '_> {
        match self {
            Self::Fixed(_) | Self::Json(_) => Box::new(std::iter::empty()),
            Self::Text(text) => Box::new(std::iter::once(text)),
            Self::Form(fields) => Box::new(fields.iter().map(|(_, text)| text)),
            Self::Multipart(fields) => {
                Box::new(fields.iter().filter_map(|field| match &field.content {
                    Content::Text(text) => Some(text),
                    Content::File { .. } => None,
                }))
            }
        }
    }

    /// Names of columns and of extracted values.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Json(json) => json.names(),
            other => other.texts().flat_map(Text::names).collect(),
        }
    }

    /// `true` if the body has generated values.
    pub(super) fn is_generated(&self) -> bool {
        match self {
            Self::Json(json) => json.is_generated(),
            other => other.texts().any(Text::is_generated),
        }
    }

    pub(crate) fn fill(&self, values: &impl Values) -> Result<Bytes, NoValue> {
        match self {
            Self::Fixed(bytes) => Ok(bytes.clone()),
            Self::Json(json) => json
                .fill(values)
                .map(|json| Bytes::copy_from_slice(json.get().as_bytes())),
            Self::Text(text) => text.fill(values, str::to_owned).map(Bytes::from),
            Self::Form(fields) => {
                let pair = |(name, text): &(String, Text)| {
                    let value = text.fill(values, percent_encoded)?;
                    Ok(format!("{}={value}", percent_encoded(name)))
                };
                let pairs: Vec<String> = fields.iter().map(pair).collect::<Result<_, _>>()?;
                Ok(pairs.join("&").into())
            }
            Self::Multipart(fields) => multipart(fields, values),
        }
    }

    /// Value of the header `content-type`, unless the request has its own.
    pub(super) fn content_type(&self) -> Option<HeaderValue> {
        match self {
            Self::Json(_) => Some(HeaderValue::from_static("application/json")),
            Self::Form(_) => Some(HeaderValue::from_static(
                "application/x-www-form-urlencoded",
            )),
            Self::Multipart(_) => {
                let value = format!("multipart/form-data; boundary={BOUNDARY}");
                Some(HeaderValue::from_str(&value).expect("it is ASCII"))
            }
            Self::Fixed(_) | Self::Text(_) => None,
        }
    }
}

fn multipart(fields: &[Field], values: &impl Values) -> Result<Bytes, NoValue> {
    let mut body = Vec::new();
    for Field { name, content } in fields {
        let name = quoted(name);
        let mut head = vec![format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\""
        )];
        if let Content::File {
            filename,
            content_type,
            ..
        } = content
        {
            head.push(format!("; filename=\"{}\"", quoted(filename)));
            if let Some(content_type) = content_type {
                head.push(format!("\r\nContent-Type: {content_type}"));
            }
        }
        body.extend_from_slice(head.concat().as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        match content {
            Content::Text(text) => {
                body.extend_from_slice(text.fill(values, str::to_owned)?.as_bytes());
            }
            Content::File { bytes, .. } => body.extend_from_slice(bytes),
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Ok(body.into())
}

/// A name within quotes, as browsers escape it (WHATWG HTML, "multipart/form-data").
fn quoted(name: &str) -> String {
    name.replace('\n', "%0A")
        .replace('\r', "%0D")
        .replace('"', "%22")
}

/// Body of a request: the template, its place in the scenario file, and the files in it.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) body: Body,
    pub(super) place: Range<usize>,
    pub(super) files: Vec<PathBuf>,
}

/// The body that `table` describes. Without a key for it, the body is empty and its place is `elsewhere`.
pub(super) fn build(
    source: &Source<'_>,
    table: &TaskTable,
    elsewhere: &Range<usize>,
    is_known: IsKnown<'_>,
) -> Result<Built, ScenarioError> {
    let given = [
        table.json.as_ref().map(Spanned::span),
        table.form.as_ref().map(Spanned::span),
        table.multipart.as_ref().map(Spanned::span),
        table.body.as_ref().map(Spanned::span),
        table.body_file.as_ref().map(Spanned::span),
    ];
    if let [_, second, ..] = given.iter().flatten().collect::<Vec<_>>().as_slice() {
        let only_one = "a request has one of `json`, `form`, `multipart`, `body` and `body_file`";
        return Err(source.wrong(second, only_one));
    }
    let place = given.into_iter().flatten().next();
    let place = place.unwrap_or_else(|| elsewhere.clone());
    let mut files = Vec::new();
    let wrong = |key: &str, problem: String| source.wrong(&place, &format!("`{key}` {problem}"));
    let value = |key: &str, given: &Spanned<IgnoredAny>| source.written(key, &given.span());
    let body = if let Some(json) = &table.json {
        let value = value("json", json)?;
        Body::Json(Json::parse(value, is_known).map_err(|problem| wrong("json", problem))?)
    } else if let Some(form) = &table.form {
        let DeValue::Table(fields) = value("form", form)? else {
            return Err(wrong("form", "must be a table of fields".to_owned()));
        };
        let fields = form_fields(fields, is_known);
        Body::Form(fields.map_err(|problem| wrong("form", problem))?)
    } else if let Some(multipart) = &table.multipart {
        let DeValue::Table(fields) = value("multipart", multipart)? else {
            return Err(wrong("multipart", "must be a table of fields".to_owned()));
        };
        Body::Multipart(multipart_fields(source, (fields, is_known), &mut files)?)
    } else if let Some(body) = &table.body {
        let text = Text::parse(body.get_ref(), is_known);
        Body::Text(text.map_err(|problem| wrong("body", problem))?)
    } else if let Some(file) = &table.body_file {
        let path = source.beside(file.get_ref());
        let bytes = read_file(&path)?;
        files.push(path);
        Body::Fixed(bytes)
    } else {
        Body::Fixed(Bytes::new())
    };
    Ok(Built { body, place, files })
}

/// Fields of a form. A list becomes one field for each of its values.
fn form_fields(fields: &DeTable<'_>, is_known: IsKnown<'_>) -> Result<Vec<(String, Text)>, String> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        for value in each(value) {
            let text = Text::parse(&written(value)?, is_known)?;
            pairs.push((name.get_ref().to_string(), text.encoded(percent_encoded)));
        }
    }
    Ok(pairs)
}

/// Parts of a multipart body. A list becomes one part for each of its values.
fn multipart_fields(
    source: &Source<'_>,
    (fields, is_known): (&DeTable<'_>, IsKnown<'_>),
    files: &mut Vec<PathBuf>,
) -> Result<Vec<Field>, ScenarioError> {
    let mut parts = Vec::new();
    for (name, value) in fields {
        let wrong = |problem: String| source.wrong(&value.span(), &problem);
        for value in each(value) {
            let content = if let DeValue::Table(table) = value {
                let (path, content) = file(source, table).map_err(|problem| match problem {
                    FileProblem::Table(problem) => wrong(format!("`multipart` {problem}")),
                    FileProblem::Unreadable(error) => error,
                })?;
                files.push(path);
                content
            } else {
                let text = written(value).and_then(|text| Text::parse(&text, is_known));
                Content::Text(text.map_err(|problem| wrong(format!("`multipart` {problem}")))?)
            };
            parts.push(Field {
                name: name.get_ref().to_string(),
                content,
            });
        }
    }
    Ok(parts)
}

enum FileProblem {
    Table(String),
    Unreadable(ScenarioError),
}

fn file(source: &Source<'_>, table: &DeTable<'_>) -> Result<(PathBuf, Content), FileProblem> {
    const FORM: &str = "has files as { file = \"cat.jpg\", filename = \"cat.jpg\", content_type = \"image/jpeg\" }, \
        of which `file` alone is needed";
    let problem = || FileProblem::Table(FORM.to_owned());
    let (mut path, mut filename, mut content_type) = (None, None, None);
    for (key, value) in table {
        let text = value.get_ref().as_str().ok_or_else(problem)?.to_owned();
        match key.get_ref().as_ref() {
            "file" => path = Some(source.beside(text.as_ref())),
            "filename" => filename = Some(text),
            "content_type" if HeaderValue::from_str(&text).is_ok() => content_type = Some(text),
            _ => return Err(problem()),
        }
    }
    let path = path.ok_or_else(problem)?;
    let bytes = read_file(&path).map_err(FileProblem::Unreadable)?;
    let own_name = || path.file_name().unwrap_or_default().to_string_lossy();
    let filename = filename.unwrap_or_else(|| own_name().into_owned());
    let content = Content::File {
        bytes,
        filename,
        content_type,
    };
    Ok((path, content))
}

/// Values of a list, or a single value.
fn each<'v, 'i>(value: &'v Spanned<DeValue<'i>>) -> Vec<&'v DeValue<'i>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(Spanned::get_ref).collect(),
        single => vec![single],
    }
}
