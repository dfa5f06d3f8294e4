//! Requests of tasks, built for every row of the data.

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

use super::body;
use super::body::Body;
use super::file::{AuthTable, Headers, TaskTable};
use super::rows::{PerRow, Rows};
use super::source::Source;
use super::template::{NoValue, Row, Text, Values};
use super::{check, extract};
use crate::check::Checks;
use crate::error::ScenarioError;
use crate::extract::Extract;
use crate::url_path::percent_encoded;
use crate::url_path::requoted;

/// Default of `timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One request of a task.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) path: Part<String, Text>,
    /// Headers that are built before the load.
    pub(crate) headers: PerRow<HeaderMap>,
    pub(crate) session_headers: Vec<SessionHeader>,
    pub(crate) body: Part<Bytes, Body>,
    /// Rows for the parts that are filled in per session; empty without such parts.
    pub(crate) rows: Arc<[Row]>,
    pub(crate) checks: Checks,
    pub(crate) extracts: Vec<Extract>,
    pub(crate) follow_redirects: bool,
    pub(crate) timeout: Duration,
    /// Files whose content is in the body.
    pub(super) body_files: Vec<PathBuf>,
}

/// A part of a request.
#[derive(Debug, Clone)]
pub(crate) enum Part<T, Template> {
    /// Built before the load, for each row.
    Built(PerRow<T>),
    /// Template that is filled in when the request is sent, from the values of a session.
    PerSession(Template),
}

#[cfg(test)]
impl<T, Template> Part<T, Template> {
    /// The parts that were built before the load.
    pub(super) fn built(&self) -> &PerRow<T> {
        match self {
            Self::Built(built) => built,
            Self::PerSession(_) => panic!("users have to fill it in"),
        }
    }
}

/// A header that is filled in when the request is sent, from the values of a session.
#[derive(Debug, Clone)]
pub(crate) struct SessionHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderText,
    /// `true` if the request is sent without this header as long as it has no value.
    pub(crate) is_optional: bool,
}

/// The value of a header.
#[derive(Debug, Clone)]
pub(crate) struct HeaderText {
    text: Text,
    /// `true` for the name and password of basic authentication (RFC 7617).
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

/// Settings of all requests of a user class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Common<'a> {
    pub(super) headers: Option<&'a Headers>,
    pub(super) auth: Option<&'a Spanned<AuthTable>>,
    /// Names of the values that some request extracts.
    pub(super) taken: Option<&'a HashSet<&'a str>>,
    /// `true` for the tasks of `on_start`, before which extracted values may not exist.
    pub(super) on_start: bool,
}

impl Common<'_> {
    fn is_taken(&self, name: &str) -> bool {
        self.taken.is_some_and(|taken| taken.contains(name))
    }
}

/// Builds the requests of one task.
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
        let built = body::build(source, table, &path.span(), &|name| self.is_known(name))?;
        let body = built.body;
        let path_text = self.text("path", path)?;
        let names: Vec<&str> = path_text.names().collect();
        let template = Template {
            is_generated: path_text.is_generated(),
            names: &names,
            of: &path_text,
        };
        let path_part = self.part(&path.span(), &template, |row| {
            path_text
                .fill(row, percent_encoded)
                .map(|path| requoted(&path))
        })?;
        let template = Template {
            is_generated: body.is_generated(),
            names: &body.names(),
            of: &body,
        };
        let body_part = self.part(&built.place, &template, |row| body.fill(row))?;
        let (headers, session_headers) = self.headers(table, body.content_type().as_ref())?;
        let is_per_session = matches!(path_part, Part::PerSession(_))
            || matches!(body_part, Part::PerSession(_))
            || !session_headers.is_empty();
        let name = table.name.as_ref().unwrap_or(path.get_ref());
        Ok(Request {
            name: name.clone(),
            method: method(source, table.method.as_ref())?,
            path: path_part,
            headers,
            session_headers,
            body: body_part,
            rows: if is_per_session {
                Arc::clone(&self.rows.all)
            } else {
                Arc::from([])
            },
            checks: check::build(source, &table.check)?,
            extracts: extract::build(source, &table.extract)?,
            follow_redirects: table.follow_redirects.unwrap_or(true),
            timeout: table.timeout.map_or(TIMEOUT, |timeout| timeout.0),
            body_files: built.files,
        })
    }

    /// Builds a part for each row, unless it has to be filled in when the request is sent.
    fn part<T, U: Clone>(
        &self,
        place: &Range<usize>,
        template: &Template<'_, U>,
        make: impl Fn(&Row) -> Result<T, NoValue>,
    ) -> Result<Part<T, U>, ScenarioError> {
        let names = template.names.iter();
        let (taken, columns): (Vec<&str>, Vec<&str>) =
            names.partition(|name| self.common.is_taken(name));
        if taken.is_empty() && !template.is_generated {
            let place = (place, columns.first().copied());
            return self.rows.fill(self.source, place, make).map(Part::Built);
        }
        self.rows.have(self.source, place, &columns)?;
        Ok(Part::PerSession(template.of.clone()))
    }

    /// `true` for the name of a column or of an extracted value.
    fn is_known(&self, name: &str) -> bool {
        self.rows.have_column(name) || self.common.is_taken(name)
    }

    fn text(&self, key: &str, text: &Spanned<String>) -> Result<Text, ScenarioError> {
        Text::parse(text.get_ref(), &|name| self.is_known(name)).map_err(|problem| {
            let problem = format!("`{key}` {problem}");
            self.source.wrong(&text.span(), &problem)
        })
    }

    /// Headers of a request, but for `host` and `content-length`, which follow from the server and the body.
    fn headers(
        &self,
        table: &TaskTable,
        content_type: Option<&HeaderValue>,
    ) -> Result<(PerRow<HeaderMap>, Vec<SessionHeader>), ScenarioError> {
        let source = self.source;
        let (mut fixed, mut per_session) = (Vec::new(), Vec::new());
        let mut filled_in = (0..0, None);
        for HeaderTemplate {
            name,
            value,
            place,
            of_class,
        } in self.header_templates(table)?
        {
            let names: Vec<&str> = value.text.names().collect();
            let (taken, columns): (Vec<&str>, Vec<&str>) =
                names.iter().partition(|name| self.common.is_taken(name));
            if taken.is_empty() && !value.text.is_generated() {
                if let Some(column) = columns.first() {
                    filled_in = (place.clone(), Some((*column).to_owned()));
                }
                fixed.push((name, value, place));
            } else {
                self.rows.have(source, &place, &columns)?;
                // A login does not need the token that it extracts.
                let gets_it = taken.iter().any(|name| table.extract.contains_key(*name));
                per_session.push(SessionHeader {
                    name,
                    value,
                    is_optional: of_class && (gets_it || self.common.on_start),
                });
            }
        }
        let place = (&filled_in.0, filled_in.1.as_deref());
        let filled = self.rows.fill(source, place, |row| {
            let mut texts = Vec::with_capacity(fixed.len());
            for header in &fixed {
                texts.push((header, header.1.fill(row)?));
            }
            Ok(texts)
        })?;
        let built = filled.map(|texts| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
            headers.insert(
                header::USER_AGENT,
                HeaderValue::from_static(concat!("bakeoff/", env!("CARGO_PKG_VERSION"))),
            );
            if let Some(content_type) = content_type {
                headers.insert(header::CONTENT_TYPE, content_type.clone());
            }
            for ((name, template, place), text) in texts {
                let value = HeaderValue::from_str(text)
                    .map_err(|_| source.wrong(place, &no_header(name, &template.text, text)))?;
                headers.insert(name.clone(), value);
            }
            Ok(headers)
        })?;
        Ok((built, per_session))
    }

    /// Headers of a request in the file: those of its class first, so that its own replace them.
    fn header_templates(&self, table: &TaskTable) -> Result<Vec<HeaderTemplate>, ScenarioError> {
        let mut templates = Vec::new();
        let class_headers = self.common.headers.into_iter().flatten();
        let own = table.headers.iter();
        for (of_class, auth, headers) in [
            (true, self.common.auth, class_headers.collect::<Vec<_>>()),
            (false, table.auth.as_ref(), own.collect()),
        ] {
            if let Some(auth) = auth {
                let value = self
                    .authorization(auth.get_ref())
                    .map_err(|problem| self.source.wrong(&auth.span(), &problem))?;
                templates.push(HeaderTemplate {
                    name: header::AUTHORIZATION,
                    value,
                    place: auth.span(),
                    of_class,
                });
            }
            for (key, text) in headers {
                let (name, value) = self.header(key, text)?;
                templates.push(HeaderTemplate {
                    name,
                    value,
                    place: text.span(),
                    of_class,
                });
            }
        }
        // Of equal names, the last one counts.
        let mut seen = HashSet::new();
        templates.reverse();
        templates.retain(|template| seen.insert(template.name.clone()));
        templates.reverse();
        Ok(templates)
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
        let text = self.text(key, value)?;
        HeaderValue::from_str(value.get_ref())
            .map_err(|_| wrong("has a character that no header can have"))?;
        Ok((name, HeaderText { text, basic: false }))
    }

    fn authorization(&self, auth: &AuthTable) -> Result<HeaderText, String> {
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
        let text = Text::parse(&template, &|name| self.is_known(name));
        let text = text.map_err(|problem| format!("`auth` {problem}"))?;
        Ok(HeaderText { text, basic })
    }
}

/// A header in the file.
struct HeaderTemplate {
    name: HeaderName,
    value: HeaderText,
    place: Range<usize>,
    /// `true` if the header belongs to the class, `false` if to the request.
    of_class: bool,
}

/// A part of a request before it is filled in.
struct Template<'a, T> {
    /// `true` if the part has generated values.
    is_generated: bool,
    /// Names of columns and of extracted values.
    names: &'a [&'a str],
    of: &'a T,
}

/// Problem with `text`, filled in from `template`, as the value of a header. Values from the environment are not shown.
fn no_header(name: &HeaderName, template: &Text, text: &str) -> String {
    let what = if text.contains(['\r', '\n']) {
        "a line end"
    } else {
        "a character"
    };
    let problem = format!("header `{name}` would have {what} that no header can have");
    match template.variables() {
        [] => format!("{problem}: {text:?}"),
        variables => format!(
            "{problem}; see the environment variable {}",
            variables.join(" and ")
        ),
    }
}

/// HTTP method of that name, in capital letters as in Python's requests.
fn method(source: &Source<'_>, method: Option<&Spanned<String>>) -> Result<Method, ScenarioError> {
    let Some(name) = method else {
        return Ok(Method::GET);
    };
    let found = Method::from_bytes(name.get_ref().to_ascii_uppercase().as_bytes());
    // A tunnel has no answer that could be checked.
    let found = found.ok().filter(|method| *method != Method::CONNECT);
    found.ok_or_else(|| {
        let problem = format!(
            "`method` must be an HTTP method other than CONNECT, such as GET, POST or PURGE, not {:?}",
            name.get_ref()
        );
        source.wrong(&name.span(), &problem)
    })
}
