//! Templates: texts and JSON with `${name}`, filled in from the rows of a data file and from extracted values.

use std::collections::HashMap;

use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::DeValue;

use super::generated::Generated;
use crate::json;

/// A row of a data file.
pub(crate) type Row = HashMap<String, Box<RawValue>>;

/// Values of the names in a template.
pub(crate) trait Values {
    /// Value of `name`; `None` if there is none.
    fn value(&self, name: &str) -> Option<&RawValue>;

    /// A generated value of this kind; `None` where none can be generated.
    fn generate(&self, generated: &Generated) -> Option<Box<RawValue>>;
}

impl Values for Row {
    fn value(&self, name: &str) -> Option<&RawValue> {
        self.get(name).map(|value| &**value)
    }

    fn generate(&self, _: &Generated) -> Option<Box<RawValue>> {
        None
    }
}

/// A name in a template without a value to fill in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// The name has no value.
    Absent(String),
    /// The value of the name is null, which a text cannot have.
    Null(String),
}

/// Predicate that is `true` for the name of a column or of an extracted value.
pub(super) type IsKnown<'a> = &'a dyn Fn(&str) -> bool;

/// A text with values to fill in. `${env:NAME}` is filled in at once, from the environment. `$${` stands for the two characters `${`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    parts: Vec<Part>,
    /// Environment variables that were filled in. Their values are never shown.
    variables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Name(String),
    Generated(String, Generated),
}

impl Text {
    /// Parses a template. The error is the problem with it, in words.
    pub(super) fn parse(text: &str, is_known: IsKnown<'_>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut variables = Vec::new();
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
            let (name, after) = rest[at + 2..]
                .split_once('}')
                .ok_or_else(|| format!("has a `${{` without its `}}`: {text}"))?;
            rest = after;
            if let Some(variable) = name.strip_prefix("env:") {
                literal += &std::env::var(variable)
                    .map_err(|_| format!("needs the environment variable {variable}"))?;
                variables.push(variable.to_owned());
                continue;
            }
            if name.is_empty() {
                return Err(format!("has a `${{}}` without a column's name: {text}"));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            let generated = if is_known(name) {
                None
            } else {
                Generated::parse(name)?
            };
            parts.push(match generated {
                Some(generated) => Part::Generated(name.to_owned(), generated),
                None => Part::Name(name.to_owned()),
            });
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts, variables })
    }

    /// Names of columns and of extracted values.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Literal(_) | Part::Generated(..) => None,
        })
    }

    /// `true` if the template has generated values.
    pub(super) fn is_generated(&self) -> bool {
        let is_generated = |part: &Part| matches!(part, Part::Generated(..));
        self.parts.iter().any(is_generated)
    }

    /// Environment variables that were filled in.
    pub(super) fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The template with `encode` applied to its fixed texts.
    pub(super) fn encoded(self, encode: fn(&str) -> String) -> Self {
        let encoded = |part| match part {
            Part::Literal(literal) => Part::Literal(encode(&literal)),
            other => other,
        };
        Self {
            parts: self.parts.into_iter().map(encoded).collect(),
            ..self
        }
    }

    /// The text, with `encode` applied to each value.
    pub(crate) fn fill(
        &self,
        values: &impl Values,
        encode: fn(&str) -> String,
    ) -> Result<String, NoValue> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => filled += literal,
                Part::Name(name) => filled += &encode(&text_of(value_of(values, name)?, name)?),
                Part::Generated(name, generated) => {
                    filled += &encode(&text_of(&made(values, name, generated)?, name)?);
                }
            }
        }
        Ok(filled)
    }

    /// The text as a JSON value. A text of one name alone becomes the value of that name.
    fn fill_json(&self, values: &impl Values) -> Result<Box<RawValue>, NoValue> {
        match self.parts.as_slice() {
            [Part::Name(name)] => value_of(values, name).map(ToOwned::to_owned),
            [Part::Generated(name, generated)] => made(values, name, generated),
            _ => self
                .fill(values, str::to_owned)
                .map(|text| json::string(&text)),
        }
    }
}

/// JSON with names to fill in inside its strings, but not in its keys. All else stays as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Json(Vec<JsonPart>);

#[derive(Debug, Clone)]
enum JsonPart {
    Literal(String),
    Value(Text),
}

impl Json {
    /// The template in a TOML value. The error is the problem with it, in words.
    pub(super) fn parse(value: &DeValue<'_>, is_known: IsKnown<'_>) -> Result<Self, String> {
        let mut parts = Self(Vec::new());
        parts.add(value, is_known)?;
        Ok(parts)
    }

    fn add(&mut self, value: &DeValue<'_>, is_known: IsKnown<'_>) -> Result<(), String> {
        match value {
            DeValue::String(text) => {
                let text = Text::parse(text, is_known)?;
                self.0.push(JsonPart::Value(text));
            }
            DeValue::Array(items) => {
                self.push("[");
                for (index, item) in items.iter().enumerate() {
                    self.push(if index > 0 { "," } else { "" });
                    self.add(item.get_ref(), is_known)?;
                }
                self.push("]");
            }
            DeValue::Table(table) => {
                self.push("{");
                for (index, (key, value)) in table.iter().enumerate() {
                    self.push(if index > 0 { "," } else { "" });
                    self.push(json::string(key.get_ref()).get());
                    self.push(":");
                    self.add(value.get_ref(), is_known)?;
                }
                self.push("}");
            }
            scalar => {
                let text = written(scalar)?;
                if matches!(scalar, DeValue::Datetime(_)) {
                    self.push(json::string(&text).get());
                } else {
                    self.push(&text);
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some(JsonPart::Literal(literal)) = self.0.last_mut() {
            *literal += text;
        } else if !text.is_empty() {
            self.0.push(JsonPart::Literal(text.to_owned()));
        }
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        self.0.iter().filter_map(|part| match part {
            JsonPart::Value(text) => Some(text),
            JsonPart::Literal(_) => None,
        })
    }

    /// Names of columns and of extracted values.
    pub(super) fn names(&self) -> Vec<&str> {
        self.texts().flat_map(Text::names).collect()
    }

    /// `true` if the template has generated values.
    pub(super) fn is_generated(&self) -> bool {
        self.texts().any(Text::is_generated)
    }

    /// The JSON with all names filled in.
    pub(crate) fn fill(&self, values: &impl Values) -> Result<Box<RawValue>, NoValue> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                JsonPart::Literal(literal) => filled += literal,
                JsonPart::Value(text) => filled += text.fill_json(values)?.get(),
            }
        }
        Ok(RawValue::from_string(filled).expect("it is put together from JSON"))
    }
}

/// A number, a boolean or a time as JSON. Forms that JSON does not have are changed: a plus sign, `_` between digits,
/// other bases than ten.
pub(super) fn written(scalar: &DeValue<'_>) -> Result<String, String> {
    Ok(match scalar {
        DeValue::Integer(number) => {
            let digits = number.as_str().trim_start_matches('+');
            match number.radix() {
                10 => digits.to_owned(),
                radix => i128::from_str_radix(digits, radix)
                    .map_err(|_| format!("has {number}, which is too large"))?
                    .to_string(),
            }
        }
        DeValue::Float(number) => {
            let text = number.as_str().trim_start_matches('+');
            if text.ends_with("inf") || text.ends_with("nan") {
                return Err(format!("has {text}, which JSON cannot say"));
            }
            text.to_owned()
        }
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::String(text) => text.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => {
            return Err("has a list or a table where a single value belongs".to_owned());
        }
    })
}

/// The row in a TOML table. The error is the problem with it, in words.
pub(super) fn row(table: &Spanned<DeValue<'_>>) -> Result<Row, String> {
    let DeValue::Table(columns) = table.get_ref() else {
        return Err("needs tables, such as rows = [{ user = \"a\" }, { user = \"b\" }]".to_owned());
    };
    let mut row = Row::new();
    for (column, value) in columns {
        let template = Json::parse(value.get_ref(), &|_| true)?;
        let value = template.fill(&Row::new());
        let value = value.map_err(|_| "has a `${`, which rows cannot have".to_owned())?;
        row.insert(column.get_ref().to_string(), value);
    }
    Ok(row)
}

fn value_of<'a>(values: &'a impl Values, name: &str) -> Result<&'a RawValue, NoValue> {
    let value = values.value(name);
    value.ok_or_else(|| NoValue::Absent(name.to_owned()))
}

fn made(values: &impl Values, name: &str, generated: &Generated) -> Result<Box<RawValue>, NoValue> {
    let value = values.generate(generated);
    value.ok_or_else(|| NoValue::Absent(name.to_owned()))
}

fn text_of<'a>(value: &'a RawValue, name: &str) -> Result<std::borrow::Cow<'a, str>, NoValue> {
    json::as_text(value).ok_or_else(|| NoValue::Null(name.to_owned()))
}
