//! One request of a task, made ready to send for every row of the task's data.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use toml::Spanned;

use super::file::{AuthTable, Headers, TaskTable};
use super::rows::{PerRow, Rows};
use super::source::Source;
use super::template::{Json, NoValue, Row, Text, Values, percent_encoded};
use super::{check, extract};
use crate::ScenarioError;
use crate::check::Checks;
use crate::extract::Extract;

/// How long an answer may take where a request does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One request of a task.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) path: Part<String, Text>,
    /// All but the open ones.
    pub(crate) headers: PerRow<HeaderMap>,
    pub(crate) open_headers: Vec<OpenHeader>,
    pub(crate) body: Part<Bytes, Body>,
    /// What the open parts take columns from.
    pub(crate) rows: Arc<[Row]>,
    pub(crate) checks: Checks,
    pub(crate) extracts: Vec<Extract>,
    pub(crate) follow_redirects: bool,
    pub(crate) timeout: Duration,
    pub(super) body_file: Option<PathBuf>,
}

/// A part of a request.
#[derive(Debug, Clone)]
pub(crate) enum Part<T, Template> {
    /// Made before the load, for each row.
    Made(PerRow<T>),
    /// Has values to fill in that each user takes from its own answers.
    Open(Template),
}

#[cfg(test)]
impl<T, Template> Part<T, Template> {
    /// What was made of it before the load.
    pub(super) fn made(&self) -> &PerRow<T> {
        match self {
            Self::Made(made) => made,
            Self::Open(_) => panic!("users have to fill it in"),
        }
    }
}

/// A header with values to fill in that each user takes from its own answers.
#[derive(Debug, Clone)]
pub(crate) struct OpenHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderText,
}

/// The value of a header.
#[derive(Debug, Clone)]
pub(crate) struct HeaderText {
    text: Text,
    /// Whether it is the name and password of basic authentication (RFC 7617).
    basic: bool,
}

impl HeaderText {
    pub(crate) fn fill(&self, values: &impl Values) -> Result<String, NoValue> {
        let filled = self.text.fill(values, str::to_owned)?;
        Ok(if self.basic {
            format!("Basic {}", STANDARD.encode(filled))
        } else {
            filled
        })
    }
}

/// The body of a request before it is filled in.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Fixed(Bytes),
    Json(Json),
    Text(Text),
    Form(Vec<(String, Text)>),
}

impl Body {
    /// The names that are filled in.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Json(json) => json.names(),
            Self::Text(text) => text.names().collect(),
            Self::Form(fields) => fields.iter().flat_map(|(_, text)| text.names()).collect(),
        }
    }

    pub(crate) fn fill(&self, values: &impl Values) -> Result<Bytes, NoValue> {
        match self {
            Self::Fixed(bytes) => Ok(bytes.clone()),
            Self::Json(json) => json.fill(values).map(|json| json.to_string().into()),
            Self::Text(text) => text.fill(values, str::to_owned).map(Bytes::from),
            Self::Form(fields) => {
                let pair = |(name, text): &(String, Text)| {
                    let value = text.fill(values, percent_encoded)?;
                    Ok(format!("{}={value}", percent_encoded(name)))
                };
                let pairs: Vec<String> = fields.iter().map(pair).collect::<Result<_, _>>()?;
                Ok(pairs.join("&").into())
            }
        }
    }

    /// What it says of itself in the headers.
    fn content_type(&self) -> Option<HeaderValue> {
        match self {
            Self::Json(_) => Some(HeaderValue::from_static("application/json")),
            Self::Form(_) => Some(HeaderValue::from_static(
                "application/x-www-form-urlencoded",
            )),
            Self::Fixed(_) | Self::Text(_) => None,
        }
    }
}

/// What is the same for all requests of a class of users.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Common<'a> {
    pub(super) headers: Option<&'a Headers>,
    pub(super) auth: Option<&'a Spanned<AuthTable>>,
    /// The names that some request takes from its answer.
    pub(super) taken: Option<&'a HashSet<&'a str>>,
}

impl Common<'_> {
    fn is_taken(&self, name: &str) -> bool {
        self.taken.is_some_and(|taken| taken.contains(name))
    }
}

/// Makes the requests of one task.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) common: Common<'a>,
    pub(super) rows: &'a Rows<'a>,
}

impl Builder<'_> {
    /// The request that `table`, at `place`, describes.
    pub(super) fn build(
        &self,
        table: &TaskTable,
        place: &Range<usize>,
    ) -> Result<Request, ScenarioError> {
        let source = self.source;
        let Some(path) = &table.path else {
            let problem = "a request needs a `path`, such as path = \"/question_answering\"";
            return Err(source.wrong(place, problem));
        };
        if !path.get_ref().starts_with('/') {
            let problem = format!("`path` must start with `/`, not {:?}", path.get_ref());
            return Err(source.wrong(&path.span(), &problem));
        }
        let (body, body_place) = self.body(table, &path.span())?;
        let path_text = text(source, "path", path)?;
        let made_path = self.part(
            &path.span(),
            &path_text.names().collect::<Vec<_>>(),
            &path_text,
            |row| path_text.fill(row, percent_encoded),
        )?;
        let made_body = self.part(&body_place, &body.names(), &body, |row| body.fill(row))?;
        let (headers, open_headers) = self.headers(table, body.content_type().as_ref())?;
        let is_open = matches!(made_path, Part::Open(_))
            || matches!(made_body, Part::Open(_))
            || !open_headers.is_empty();
        let name = table.name.as_ref().unwrap_or(path.get_ref());
        Ok(Request {
            name: name.clone(),
            method: method(source, table.method.as_ref())?,
            path: made_path,
            headers,
            open_headers,
            body: made_body,
            rows: if is_open {
                Arc::clone(&self.rows.all)
            } else {
                Arc::from([])
            },
            checks: check::build(source, &table.check)?,
            extracts: extract::build(source, &table.extract)?,
            follow_redirects: table.follow_redirects.unwrap_or(true),
            timeout: table.timeout.map_or(TIMEOUT, |timeout| timeout.0),
            body_file: table
                .body_file
                .as_ref()
                .map(|file| source.beside(file.get_ref())),
        })
    }

    /// Makes a part for each row, unless users have to fill it in.
    fn part<T, Template: Clone>(
        &self,
        place: &Range<usize>,
        names: &[&str],
        template: &Template,
        make: impl Fn(&Row) -> Result<T, NoValue>,
    ) -> Result<Part<T, Template>, ScenarioError> {
        let (taken, columns): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| self.common.is_taken(name));
        if taken.is_empty() {
            let place = (place, columns.first().copied());
            return self.rows.fill(self.source, place, make).map(Part::Made);
        }
        self.rows.have(self.source, place, &columns)?;
        Ok(Part::Open(template.clone()))
    }

    fn body(
        &self,
        table: &TaskTable,
        elsewhere: &Range<usize>,
    ) -> Result<(Body, Range<usize>), ScenarioError> {
        let source = self.source;
        let given = [
            table.json.as_ref().map(Spanned::span),
            table.form.as_ref().map(Spanned::span),
            table.body.as_ref().map(Spanned::span),
            table.body_file.as_ref().map(Spanned::span),
        ];
        if let [_, second, ..] = given.iter().flatten().collect::<Vec<_>>().as_slice() {
            let only_one = "a request has one of `json`, `form`, `body` and `body_file`";
            return Err(source.wrong(second, only_one));
        }
        let place = given
            .into_iter()
            .flatten()
            .next()
            .unwrap_or_else(|| elsewhere.clone());
        let wrong = |problem: String| source.wrong(&place, &problem);
        let body = if let Some(json) = &table.json {
            Json::parse(json.get_ref())
                .map(Body::Json)
                .map_err(|problem| wrong(format!("`json` {problem}")))?
        } else if let Some(form) = &table.form {
            let field = |(name, value): (&String, &String)| {
                Text::parse(value).map(|text| (name.clone(), text.encoded(percent_encoded)))
            };
            let fields = form.get_ref().iter().map(field).collect::<Result<_, _>>();
            Body::Form(fields.map_err(|problem| wrong(format!("`form` {problem}")))?)
        } else if let Some(body) = &table.body {
            Body::Text(text(source, "body", body)?)
        } else if let Some(file) = &table.body_file {
            let path = source.beside(file.get_ref());
            let bytes = std::fs::read(&path);
            Body::Fixed(
                bytes
                    .map_err(|source| ScenarioError::Unreadable { path, source })?
                    .into(),
            )
        } else {
            Body::Fixed(Bytes::new())
        };
        Ok((body, place))
    }

    /// The headers of every request, but for `host` and `content-length`, which depend on where and what is sent.
    fn headers(
        &self,
        table: &TaskTable,
        content_type: Option<&HeaderValue>,
    ) -> Result<(PerRow<HeaderMap>, Vec<OpenHeader>), ScenarioError> {
        let source = self.source;
        let (mut fixed, mut open) = (Vec::new(), Vec::new());
        let mut filled_in = (0..0, None);
        for (name, value, place) in self.header_texts(table)? {
            let names: Vec<&str> = value.text.names().collect();
            let (taken, columns): (Vec<&str>, Vec<&str>) =
                names.iter().partition(|name| self.common.is_taken(name));
            if taken.is_empty() {
                if let Some(column) = columns.first() {
                    filled_in = (place, Some((*column).to_owned()));
                }
                fixed.push((name, value));
            } else {
                self.rows.have(source, &place, &columns)?;
                open.push(OpenHeader { name, value });
            }
        }
        let place = (&filled_in.0, filled_in.1.as_deref());
        let filled = self.rows.fill(source, place, |row| {
            let mut texts = Vec::with_capacity(fixed.len());
            for (name, value) in &fixed {
                texts.push((name.clone(), value.fill(row)?));
            }
            Ok(texts)
        })?;
        let made = filled.map(|texts| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
            headers.insert(
                header::USER_AGENT,
                HeaderValue::from_static(concat!("bakeoff/", env!("CARGO_PKG_VERSION"))),
            );
            if let Some(content_type) = content_type {
                headers.insert(header::CONTENT_TYPE, content_type.clone());
            }
            for (name, text) in texts {
                let value = HeaderValue::from_str(text).map_err(|_| {
                    let problem = format!(
                        "header `{name}` would have a character that no header can have: {text:?}"
                    );
                    source.wrong(&filled_in.0, &problem)
                })?;
                headers.insert(name.clone(), value);
            }
            Ok(headers)
        })?;
        Ok((made, open))
    }

    /// The headers that the file gives to a request: those of its class first, so that its own take their place.
    fn header_texts(
        &self,
        table: &TaskTable,
    ) -> Result<Vec<(HeaderName, HeaderText, Range<usize>)>, ScenarioError> {
        let mut texts = Vec::new();
        let of_class = self.common.headers.into_iter().flatten();
        let own = table.headers.iter();
        for (auth, headers) in [
            (self.common.auth, of_class.collect::<Vec<_>>()),
            (table.auth.as_ref(), own.collect()),
        ] {
            if let Some(auth) = auth {
                let text = authorization(auth.get_ref())
                    .map_err(|problem| self.source.wrong(&auth.span(), &problem))?;
                texts.push((header::AUTHORIZATION, text, auth.span()));
            }
            for (key, value) in headers {
                let (name, text) = self.header(key, value)?;
                texts.push((name, text, value.span()));
            }
        }
        // The last of a name counts.
        let mut seen = HashSet::new();
        texts.reverse();
        texts.retain(|(name, ..)| seen.insert(name.clone()));
        texts.reverse();
        Ok(texts)
    }

    fn header(
        &self,
        key: &str,
        value: &Spanned<String>,
    ) -> Result<(HeaderName, HeaderText), ScenarioError> {
        let wrong = |problem: &str| {
            self.source
                .wrong(&value.span(), &format!("header `{key}` {problem}"))
        };
        let name = HeaderName::from_bytes(key.as_bytes())
            .map_err(|_| wrong("is no valid name of a header"))?;
        if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name) {
            return Err(wrong("follows from the body and cannot be set"));
        }
        let text = text(self.source, key, value)?;
        HeaderValue::from_str(value.get_ref())
            .map_err(|_| wrong("has a character that no header can have"))?;
        Ok((name, HeaderText { text, basic: false }))
    }
}

fn authorization(auth: &AuthTable) -> Result<HeaderText, String> {
    let (template, basic) = match (&auth.bearer, &auth.basic) {
        (Some(token), None) => (format!("Bearer {token}"), false),
        (None, Some(basic)) if basic.user.contains(':') => {
            return Err("the `user` of `basic` cannot have a colon".to_owned());
        }
        (None, Some(basic)) => (format!("{}:{}", basic.user, basic.password), true),
        _ => {
            return Err(
                "`auth` is { bearer = \"token\" } or { basic = { user = \"name\", password = \"word\" } }"
                    .to_owned(),
            );
        }
    };
    let text = Text::parse(&template).map_err(|problem| format!("`auth` {problem}"))?;
    Ok(HeaderText { text, basic })
}

fn method(source: &Source<'_>, method: Option<&Spanned<String>>) -> Result<Method, ScenarioError> {
    let Some(name) = method else {
        return Ok(Method::GET);
    };
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let found = known.iter().find(|known| known.as_str() == name.get_ref());
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(Method::as_str).collect();
        let problem = format!(
            "`method` must be one of {}, not {:?}",
            names.join(", "),
            name.get_ref()
        );
        source.wrong(&name.span(), &problem)
    })
}

fn text(source: &Source<'_>, key: &str, text: &Spanned<String>) -> Result<Text, ScenarioError> {
    Text::parse(text.get_ref())
        .map_err(|problem| source.wrong(&text.span(), &format!("`{key}` {problem}")))
}
