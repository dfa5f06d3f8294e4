//! Texts and JSON with `${name}` in them, filled in from the rows of a data file and from what users took from answers.

use serde_json::{Map, Value};

/// A row of a data file.
pub(crate) type Row = Map<String, Value>;

/// What the names in a template stand for.
pub(crate) trait Values {
    /// The value of `name`, if there is one.
    fn value(&self, name: &str) -> Option<&Value>;
}

impl Values for Row {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// A name in a template that has no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoValue(pub(crate) String);

/// A text with values to fill in. `${env:NAME}` is filled in at once, from the environment. `$${` stands for the two characters `${`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Name(String),
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
            parts.push(Part::Name(column.to_owned()));
            rest = after;
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// The names that are filled in.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The same with what stands between the columns put through `encode`.
    pub(super) fn encoded(self, encode: fn(&str) -> String) -> Self {
        let encoded = |part| match part {
            Part::Literal(literal) => Part::Literal(encode(&literal)),
            name @ Part::Name(_) => name,
        };
        Self(self.0.into_iter().map(encoded).collect())
    }

    /// The text with each value put through `encode`.
    pub(crate) fn fill(
        &self,
        values: &impl Values,
        encode: fn(&str) -> String,
    ) -> Result<String, NoValue> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => filled += literal,
                Part::Name(name) => filled += &encode(&as_text(value_of(values, name)?)),
            }
        }
        Ok(filled)
    }

    /// As a JSON value: a text that is one name alone becomes that value as it is.
    fn fill_value(&self, values: &impl Values) -> Result<Value, NoValue> {
        match self.0.as_slice() {
            [Part::Name(name)] => value_of(values, name).cloned(),
            _ => self.fill(values, str::to_owned).map(Value::String),
        }
    }
}

/// A JSON value with values to fill in inside its strings (not its keys).
#[derive(Debug, Clone)]
pub(crate) enum Json {
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

    /// The names that are filled in.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(text) => text.names().collect(),
            Self::Array(items) => items.iter().flat_map(Self::names).collect(),
            Self::Object(entries) => entries
                .iter()
                .flat_map(|(_, value)| value.names())
                .collect(),
        }
    }

    /// The value with everything filled in.
    pub(crate) fn fill(&self, values: &impl Values) -> Result<Value, NoValue> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Text(text) => text.fill_value(values),
            Self::Array(items) => items.iter().map(|item| item.fill(values)).collect(),
            Self::Object(entries) => {
                let filled = |(key, value): &(String, Self)| Ok((key.clone(), value.fill(values)?));
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
pub(crate) fn percent_encoded(text: &str) -> String {
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

fn value_of<'a>(values: &'a impl Values, name: &str) -> Result<&'a Value, NoValue> {
    let value = values.value(name);
    value.ok_or_else(|| NoValue(name.to_owned()))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
