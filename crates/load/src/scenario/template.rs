//! Texts and JSON with `${column}` in them, filled in from the rows of a data file.

use serde_json::{Map, Value};

/// A row of a data file.
pub(super) type Row = Map<String, Value>;

/// A column that a template names and a row does not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoColumn(pub(super) String);

/// A text with columns to fill in. `${env:NAME}` is filled in at once, from the environment. `$${` stands for the two characters `${`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Column(String),
}

impl Text {
    /// The template in `text`; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if let Some(before) = rest[..at].strip_suffix('$') {
                literal += before;
                literal += "${";
                rest = &rest[at + 2..];
                continue;
            }
            literal += &rest[..at];
            let (column, after) = rest[at + 2..]
                .split_once('}')
                .ok_or_else(|| format!("has a `${{` without its `}}`: {text}"))?;
            if let Some(variable) = column.strip_prefix("env:") {
                literal += &std::env::var(variable)
                    .map_err(|_| format!("needs the environment variable {variable}"))?;
                rest = after;
                continue;
            }
            if column.is_empty() {
                return Err(format!("has a `${{}}` without a column's name: {text}"));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Column(column.to_owned()));
            rest = after;
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// The first column that is filled in, if any is.
    pub(super) fn column(&self) -> Option<&str> {
        self.0.iter().find_map(|part| match part {
            Part::Column(column) => Some(column.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The same with what stands between the columns put through `encode`.
    pub(super) fn encoded(self, encode: fn(&str) -> String) -> Self {
        let encoded = |part| match part {
            Part::Literal(literal) => Part::Literal(encode(&literal)),
            column @ Part::Column(_) => column,
        };
        Self(self.0.into_iter().map(encoded).collect())
    }

    /// The text with each column's value put through `encode`.
    pub(super) fn fill(&self, row: &Row, encode: fn(&str) -> String) -> Result<String, NoColumn> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => filled += literal,
                Part::Column(column) => filled += &encode(&as_text(value_of(row, column)?)),
            }
        }
        Ok(filled)
    }

    /// As a JSON value: a text that is one column alone becomes that column's value as it is.
    fn fill_value(&self, row: &Row) -> Result<Value, NoColumn> {
        match self.0.as_slice() {
            [Part::Column(column)] => value_of(row, column).cloned(),
            _ => self.fill(row, str::to_owned).map(Value::String),
        }
    }
}

/// A JSON value with columns to fill in inside its strings (not its keys).
#[derive(Debug, Clone)]
pub(super) enum Json {
    Fixed(Value),
    Text(Text),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The template in a TOML value; the error says what is wrong with it.
    pub(super) fn parse(value: &toml::Value) -> Result<Self, String> {
        Ok(match value {
            toml::Value::String(text) => Self::Text(Text::parse(text)?),
            toml::Value::Array(items) => {
                Self::Array(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            toml::Value::Table(table) => {
                let entry =
                    |(key, value): (&String, &toml::Value)| Ok((key.clone(), Self::parse(value)?));
                Self::Object(table.iter().map(entry).collect::<Result<_, String>>()?)
            }
            toml::Value::Integer(number) => Self::Fixed(Value::from(*number)),
            toml::Value::Boolean(boolean) => Self::Fixed(Value::from(*boolean)),
            toml::Value::Datetime(time) => Self::Fixed(Value::from(time.to_string())),
            toml::Value::Float(number) if number.is_finite() => Self::Fixed(Value::from(*number)),
            toml::Value::Float(number) => {
                return Err(format!("has {number}, which JSON cannot say"));
            }
        })
    }

    /// The first column that is filled in, if any is.
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Text(text) => text.column(),
            Self::Array(items) => items.iter().find_map(Self::column),
            Self::Object(entries) => entries.iter().find_map(|(_, value)| value.column()),
        }
    }

    /// The value with its columns filled in.
    pub(super) fn fill(&self, row: &Row) -> Result<Value, NoColumn> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Text(text) => text.fill_value(row),
            Self::Array(items) => items.iter().map(|item| item.fill(row)).collect(),
            Self::Object(entries) => {
                let filled = |(key, value): &(String, Self)| Ok((key.clone(), value.fill(row)?));
                entries
                    .iter()
                    .map(filled)
                    .collect::<Result<Map<_, _>, _>>()
                    .map(Value::Object)
            }
        }
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
            );
        }
    }
    encoded
}

fn value_of<'a>(row: &'a Row, column: &str) -> Result<&'a Value, NoColumn> {
    row.get(column).ok_or_else(|| NoColumn(column.to_owned()))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
