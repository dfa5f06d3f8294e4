//! One kind of request, made ready to send for every row of its data.

use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use toml::Spanned;

use super::check;
use super::file::{DataTable, Order, TaskTable};
use super::source::Source;
use super::template::{Json, NoColumn, Row, Text, percent_encoded};
use crate::ScenarioError;
use crate::check::Checks;

/// How long an answer may take where a task does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One kind of request.
#[derive(Debug, Clone)]
pub struct Task {
    pub(super) name: String,
    weight: NonZeroU32,
    tags: Vec<String>,
    pub(crate) method: Method,
    pub(crate) path: PerRow<String>,
    pub(crate) headers: PerRow<HeaderMap>,
    pub(crate) body: PerRow<Bytes>,
    /// The number of different requests: the rows of the data file, or one.
    pub(crate) rows: usize,
    pub(crate) order: Order,
    pub(crate) checks: Checks,
    pub(crate) timeout: Duration,
}

impl Task {
    /// The name that requests are grouped under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The HTTP method.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// What it can be selected by.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// How often it is chosen, relative to the other tasks.
    pub fn weight(&self) -> NonZeroU32 {
        self.weight
    }
}

/// Something that is the same for all rows, or made for each.
#[derive(Debug, Clone)]
pub(crate) struct PerRow<T>(Box<[T]>);

impl<T> PerRow<T> {
    /// What to use for `row`.
    pub(crate) fn of(&self, row: usize) -> &T {
        self.0.get(row).unwrap_or(&self.0[0])
    }

    /// The same for what `change` makes of each.
    pub(crate) fn map<U, E>(&self, change: impl FnMut(&T) -> Result<U, E>) -> Result<PerRow<U>, E> {
        self.0
            .iter()
            .map(change)
            .collect::<Result<_, _>>()
            .map(PerRow)
    }
}

/// The body of a request before its columns are filled in.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(Json),
    Text(Text),
    Form(Vec<(String, Text)>),
}

impl Body {
    /// The first column that is filled in, if any is.
    fn column(&self) -> Option<&str> {
        match self {
            Self::Empty => None,
            Self::Json(json) => json.column(),
            Self::Text(text) => text.column(),
            Self::Form(fields) => fields.iter().find_map(|(_, text)| text.column()),
        }
    }

    fn fill(&self, row: &Row) -> Result<Bytes, NoColumn> {
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Json(json) => json.fill(row).map(|json| json.to_string().into()),
            Self::Text(text) => text.fill(row, str::to_owned).map(Bytes::from),
            Self::Form(fields) => {
                let pair = |(name, text): &(String, Text)| {
                    let value = text.fill(row, percent_encoded)?;
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
            Self::Empty | Self::Text(_) => None,
        }
    }
}

/// The task that `table` describes.
pub(super) fn build(source: &Source<'_>, table: Spanned<TaskTable>) -> Result<Task, ScenarioError> {
    let place = table.span();
    let table = table.into_inner();
    let method = method(source, table.method.as_ref())?;
    let rows = Rows::read(source, &place, table.data.as_ref())?;
    let (path, path_place) = (table.path.get_ref(), table.path.span());
    if !path.starts_with('/') {
        return Err(source.wrong(
            &path_place,
            &format!("`path` must start with `/`, not {path:?}"),
        ));
    }
    let (body, body_place) = body(source, &table)?;
    let path_text = text(source, "path", &table.path)?;
    let body_bytes = rows.fill(source, (&body_place, body.column()), |row| body.fill(row))?;
    Ok(Task {
        name: table.name.unwrap_or_else(|| path.clone()),
        weight: table.weight.map_or(NonZeroU32::MIN, |weight| weight.0),
        tags: table.tags,
        method,
        path: rows.fill(source, (&path_place, path_text.column()), |row| {
            path_text.fill(row, percent_encoded)
        })?,
        headers: headers(source, &rows, &table.headers, body.content_type().as_ref())?,
        body: body_bytes,
        rows: rows.all.len(),
        order: table
            .data
            .as_ref()
            .map_or(Order::Sequential, |data| data.order),
        checks: check::build(source, table.check)?,
        timeout: table.timeout.map_or(TIMEOUT, |timeout| timeout.0),
    })
}

/// The rows of a data file, each with its line; one empty row where there is none.
struct Rows<'a> {
    file: Option<std::path::PathBuf>,
    all: Vec<(usize, Row)>,
    scenario: &'a Path,
}

impl<'a> Rows<'a> {
    fn read(
        source: &Source<'a>,
        place: &Range<usize>,
        data: Option<&DataTable>,
    ) -> Result<Self, ScenarioError> {
        let scenario = source.path;
        let Some(data) = data else {
            return Ok(Self {
                file: None,
                all: vec![(0, Row::new())],
                scenario,
            });
        };
        let path = scenario.parent().unwrap_or(Path::new("")).join(&data.file);
        let text = std::fs::read_to_string(&path).map_err(|source| ScenarioError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let mut rows = Vec::new();
        for (index, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let row = serde_json::from_str(line).map_err(|error| ScenarioError::Invalid {
                path: path.clone(),
                line: index + 1,
                problem: format!("the row is no JSON object: {error}"),
            })?;
            rows.push((index + 1, row));
        }
        if rows.is_empty() {
            return Err(ScenarioError::NoRows { path });
        }
        if u32::try_from(rows.len()).is_err() {
            return Err(source.wrong(
                place,
                &format!("{} has more rows than can be told apart", path.display()),
            ));
        }
        Ok(Self {
            file: Some(path),
            all: rows,
            scenario,
        })
    }

    /// What `make` makes of each row; made once where no column is filled in.
    fn fill<T>(
        &self,
        source: &Source<'_>,
        (place, column): (&Range<usize>, Option<&str>),
        make: impl Fn(&Row) -> Result<T, NoColumn>,
    ) -> Result<PerRow<T>, ScenarioError> {
        if let (Some(column), None) = (column, &self.file) {
            let problem = format!(
                "`${{{column}}}` needs rows to be filled in from: data = {{ file = \"rows.jsonl\" }}"
            );
            return Err(source.wrong(place, &problem));
        }
        let used = if column.is_some() {
            self.all.as_slice()
        } else {
            &self.all[..1]
        };
        used.iter()
            .map(|(line, row)| make(row).map_err(|missing| self.no_column(*line, &missing)))
            .collect::<Result<_, _>>()
            .map(PerRow)
    }

    fn no_column(&self, line: usize, NoColumn(column): &NoColumn) -> ScenarioError {
        let problem = format!(
            "the row has no column `{column}`, which {} fills in",
            self.scenario.display()
        );
        ScenarioError::Invalid {
            path: self.file.clone().unwrap_or_default(),
            line,
            problem,
        }
    }
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
        source.wrong(
            &name.span(),
            &format!(
                "`method` must be one of {}, not {:?}",
                names.join(", "),
                name.get_ref()
            ),
        )
    })
}

fn text(source: &Source<'_>, key: &str, text: &Spanned<String>) -> Result<Text, ScenarioError> {
    Text::parse(text.get_ref())
        .map_err(|problem| source.wrong(&text.span(), &format!("`{key}` {problem}")))
}

fn body(source: &Source<'_>, table: &TaskTable) -> Result<(Body, Range<usize>), ScenarioError> {
    let only_one = "a task has one of `json`, `form` and `body`";
    match (&table.json, &table.body, &table.form) {
        (None, None, None) => Ok((Body::Empty, table.path.span())),
        (Some(json), None, None) => match Json::parse(json.get_ref()) {
            Ok(template) => Ok((Body::Json(template), json.span())),
            Err(problem) => Err(source.wrong(&json.span(), &format!("`json` {problem}"))),
        },
        (None, Some(body), None) => Ok((Body::Text(text(source, "body", body)?), body.span())),
        (None, None, Some(form)) => {
            let field = |(name, value): (&String, &String)| match Text::parse(value) {
                Ok(text) => Ok((name.clone(), text.encoded(percent_encoded))),
                Err(problem) => Err(source.wrong(&form.span(), &format!("`form` {problem}"))),
            };
            let fields = form.get_ref().iter().map(field).collect::<Result<_, _>>()?;
            Ok((Body::Form(fields), form.span()))
        }
        (_, Some(body), _) => Err(source.wrong(&body.span(), only_one)),
        (Some(json), ..) => Err(source.wrong(&json.span(), only_one)),
    }
}

/// The headers of every request, but for `host` and `content-length`, which depend on where and what is sent.
fn headers(
    source: &Source<'_>,
    rows: &Rows<'_>,
    table: &std::collections::BTreeMap<String, Spanned<String>>,
    content_type: Option<&HeaderValue>,
) -> Result<PerRow<HeaderMap>, ScenarioError> {
    let mut templates = Vec::new();
    let mut filled_in = (0..0, None);
    for (key, value) in table {
        let wrong =
            |problem: &str| source.wrong(&value.span(), &format!("header `{key}` {problem}"));
        let name = HeaderName::from_bytes(key.as_bytes())
            .map_err(|_| wrong("is no valid name of a header"))?;
        if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name) {
            return Err(wrong("follows from the body and cannot be set"));
        }
        let template = text(source, key, value)?;
        if let Some(column) = template.column() {
            filled_in = (value.span(), Some(column.to_owned()));
        }
        HeaderValue::from_str(value.get_ref())
            .map_err(|_| wrong("has a character that no header can have"))?;
        templates.push((name, template));
    }
    let filled = rows.fill(source, (&filled_in.0, filled_in.1.as_deref()), |row| {
        let mut texts = Vec::with_capacity(templates.len());
        for (name, template) in &templates {
            texts.push((name.clone(), template.fill(row, str::to_owned)?));
        }
        Ok(texts)
    })?;
    filled.map(|texts| {
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
                source.wrong(
                    &filled_in.0,
                    &format!(
                        "header `{name}` would have a character that no header can have: {text:?}"
                    ),
                )
            })?;
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    })
}
