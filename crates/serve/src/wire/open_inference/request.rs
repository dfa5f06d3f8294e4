//! Reader of inference requests.

use bakeoff_qa::Compat;
use serde_json::Value;

use super::{JSON_BYTES_HEADER, OutputName};
use crate::{
    config::Limits,
    wire::{
        asked::{Asked, Layout, Texts, Unanswerable},
        fields::Fields,
        parameters::Parameters,
        problem::{Place, Problem},
    },
};

/// Parsed inference request.
#[derive(Debug, PartialEq)]
pub(crate) struct InferenceRequest {
    pub(crate) asked: Asked,
    pub(crate) form: ResponseForm,
}

/// Requested form of the response.
#[derive(Debug, PartialEq)]
pub(crate) struct ResponseForm {
    /// Id for the response.
    pub(super) id: Option<String>,
    pub(super) outputs: Vec<RequestedOutput>,
}

/// Requested output tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestedOutput {
    pub(super) name: OutputName,
    /// `true` if the data follows the JSON in binary form.
    pub(super) binary: bool,
}

/// Input tensors so far.
#[derive(Debug, Default)]
struct Inputs {
    question: Option<Vec<String>>,
    context: Option<Vec<String>>,
}

/// Reads a body. `json_bytes` is the value of the header with the length of the JSON. Without the header, the whole body is JSON.
///
/// # Errors
/// All problems of the body.
pub(crate) fn read(
    body: &[u8],
    json_bytes: Option<&[u8]>,
    limits: &Limits,
    compat: Compat,
) -> Result<InferenceRequest, Vec<Problem>> {
    let (json, binary) = split(body, json_bytes)?;
    let mut fields = Fields::from_json(json, limits)?;
    let id = fields.optional_text("id");
    let mut given = fields.optional_object("parameters");
    let parameters = Parameters::read(&mut given, compat);
    let binary_output = given.flag("binary_data_output").unwrap_or(false);
    fields.absorb(given);
    let outputs = outputs(&mut fields, binary_output);
    let texts = inputs(&mut fields, binary, limits);
    fields.finish()?;
    let layout = Layout {
        texts: vec![Place::Key("body"), Place::Key("inputs")],
        parameters: vec![Place::Key("body"), Place::Key("parameters")],
        lists: vec!["question"],
    };
    let (question, context) = texts;
    let asked = Asked::new(question, context, parameters, layout, limits)?;
    Ok(InferenceRequest {
        asked,
        form: ResponseForm { id, outputs },
    })
}

/// JSON and binary data of a body.
///
/// # Errors
/// The problem of the header.
fn split<'body>(
    body: &'body [u8],
    json_bytes: Option<&[u8]>,
) -> Result<(&'body [u8], &'body [u8]), Vec<Problem>> {
    let Some(header) = json_bytes else {
        return Ok((body, &[]));
    };
    str::from_utf8(header)
        .ok()
        .and_then(|length| length.parse().ok())
        .and_then(|length| body.split_at_checked(length))
        .ok_or_else(|| {
            let message = format!(
                "{JSON_BYTES_HEADER} should be a number of bytes, at most the {} of the body",
                body.len()
            );
            let header = vec![Place::Key("header")];
            vec![Problem::value(header, Value::Null, &message)]
        })
}

/// Requested outputs; all outputs if none is requested.
fn outputs(fields: &mut Fields, binary: bool) -> Vec<RequestedOutput> {
    let mut requested = Vec::new();
    let most = OutputName::ALL.len();
    for mut output in fields.optional_objects("outputs", most).unwrap_or_default() {
        let mut parameters = output.optional_object("parameters");
        let binary = parameters.flag("binary_data").unwrap_or(binary);
        output.absorb(parameters);
        if let Some(name) = output.required_choice("name", &OutputName::ALL) {
            requested.push(RequestedOutput { name, binary });
        }
        fields.absorb(output);
    }
    if requested.is_empty() {
        let all = OutputName::ALL
            .iter()
            .map(|&(_, name)| RequestedOutput { name, binary });
        requested.extend(all);
    }
    requested
}

/// Questions and contexts.
fn inputs(fields: &mut Fields, mut binary: &[u8], limits: &Limits) -> (Texts, Texts) {
    let mut inputs = Inputs::default();
    let nothing = (Texts::Many(Vec::new()), Texts::Many(Vec::new()));
    let Some(tensors) = fields.objects("inputs", 2) else {
        return nothing;
    };
    for mut tensor in tensors {
        let problem = inputs.take(&mut tensor, &mut binary, limits);
        if let Err((key, message)) = &problem {
            tensor.invalid(key, message);
        }
        fields.absorb(tensor);
        if problem.is_err() {
            // The position of later binary data is unknown.
            return nothing;
        }
    }
    if !binary.is_empty() {
        let message = format!("{} bytes of binary data belong to no input", binary.len());
        fields.invalid("inputs", &message);
    }
    for (name, input) in [("question", &inputs.question), ("context", &inputs.context)] {
        if input.is_none() {
            fields.invalid("inputs", &format!("there is no input `{name}`"));
        }
    }
    let mut contexts = inputs.context.unwrap_or_default();
    let context = if contexts.len() == 1 {
        let context = contexts.pop().unwrap_or_default();
        Texts::One(
            match Unanswerable::unless_usable("context", context, limits) {
                Ok(context) => context,
                Err(unusable) => {
                    fields.invalid("inputs", &unusable);
                    String::new()
                }
            },
        )
    } else {
        Texts::Many(contexts)
    };
    (Texts::Many(inputs.question.unwrap_or_default()), context)
}

impl Inputs {
    /// Adds an input tensor.
    ///
    /// # Errors
    /// Key and text of the problem.
    fn take(
        &mut self,
        tensor: &mut Fields,
        binary: &mut &[u8],
        limits: &Limits,
    ) -> Result<(), (&'static str, String)> {
        let name = tensor.text("name").unwrap_or_default();
        let (name, place) = match name.as_str() {
            "question" => ("question", &mut self.question),
            "context" => ("context", &mut self.context),
            _ => {
                let message = "the inputs are `question` and `context`";
                return Err(("name", message.to_owned()));
            }
        };
        if place.is_some() {
            return Err(("name", format!("`{name}` is there twice")));
        }
        if tensor.text("datatype").as_deref() != Some("BYTES") {
            return Err(("datatype", format!("`{name}` should be BYTES")));
        }
        let length = length(tensor.any("shape").as_ref())
            .ok_or_else(|| ("shape", "should be [n] or [n, 1]".to_owned()))?;
        if length > limits.max_items.get() {
            let message = format!(
                "`{name}` has {length} elements, limit is {}",
                limits.max_items
            );
            return Err(("shape", message));
        }
        let mut parameters = tensor.optional_object("parameters");
        let bytes = parameters.bytes("binary_data_size");
        tensor.absorb(parameters);
        let texts = match bytes {
            Some(bytes) => binary
                .split_off(..bytes)
                .ok_or_else(|| "there is less binary data than binary_data_size says".to_owned())
                .and_then(|data| from_binary(data, length)),
            None => from_json(tensor.any("data"), length),
        };
        *place = Some(texts.map_err(|message| ("data", message))?);
        Ok(())
    }
}

/// Number of elements in a tensor of shape `[n]` or `[n, 1]`; `None` for other shapes.
fn length(shape: Option<&Value>) -> Option<usize> {
    match shape?.as_array()?.as_slice() {
        [length] => usize::try_from(length.as_u64()?).ok(),
        [length, one] if one.as_u64() == Some(1) => usize::try_from(length.as_u64()?).ok(),
        _ => None,
    }
}

/// Texts in a list, or in a list of rows with one text each.
///
/// # Errors
/// The problem of the data.
fn from_json(data: Option<Value>, length: usize) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    let Some(Value::Array(data)) = data else {
        return Err("should be a list of strings".to_owned());
    };
    for element in data {
        match element {
            Value::String(text) => texts.push(text),
            Value::Array(row) => match <[Value; 1]>::try_from(row) {
                Ok([Value::String(text)]) => texts.push(text),
                _ => return Err("should hold one string in each row".to_owned()),
            },
            _ => return Err("should hold strings only".to_owned()),
        }
    }
    if texts.len() != length {
        let found = texts.len();
        return Err(format!("has {found} elements, the shape says {length}"));
    }
    Ok(texts)
}

/// Texts in binary data. Each text follows its length in four bytes, least significant byte first.
///
/// # Errors
/// The problem of the data.
fn from_binary(mut data: &[u8], length: usize) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    while let Some((size, rest)) = data.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let (text, rest) = rest
            .split_at_checked(size)
            .ok_or_else(|| "an element is longer than the binary data".to_owned())?;
        if texts.len() == length {
            return Err(format!(
                "has more elements than the {length} that the shape says"
            ));
        }
        let text = str::from_utf8(text).map_err(|_| "an element is not UTF-8".to_owned())?;
        texts.push(text.to_owned());
        data = rest;
    }
    if !data.is_empty() {
        return Err("the binary data ends within the length of an element".to_owned());
    }
    if texts.len() != length {
        let found = texts.len();
        return Err(format!("has {found} elements, the shape says {length}"));
    }
    Ok(texts)
}
