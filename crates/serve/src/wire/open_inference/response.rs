//! Writes inference responses.

use serde::Serialize;

use super::{
    MODEL_VERSION, OutputName,
    request::{InferenceRequest, RequestedOutput},
};
use crate::wire::answers::{Failed, Outcome, Span};

/// A response on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// JSON, then binary data.
    pub(crate) body: Vec<u8>,
    /// How many bytes of the body are JSON, unless all are.
    pub(crate) json_bytes: Option<usize>,
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Tensor>,
}

#[derive(Serialize)]
struct Tensor {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "TensorParameters::is_empty")]
    parameters: TensorParameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

#[derive(Default, Serialize)]
struct TensorParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_data_size: Option<usize>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Bytes(Vec<String>),
    Fp64(Vec<f64>),
    Int64(Vec<usize>),
}

impl InferenceRequest {
    /// The response with the outputs that were asked for.
    pub(crate) fn respond(
        &self,
        model: &str,
        outcomes: &[Result<Vec<Span>, Failed>],
    ) -> Result<Encoded, serde_json::Error> {
        let mut binary = Vec::new();
        let mut outputs = Vec::new();
        for &RequestedOutput {
            name,
            binary: in_binary,
        } in &self.outputs
        {
            let mut tensor = tensor(name, outcomes)?;
            if in_binary {
                let before = binary.len();
                if let Some(data) = tensor.data.take() {
                    data.append_to(&mut binary);
                }
                tensor.parameters.binary_data_size = Some(binary.len() - before);
            }
            outputs.push(tensor);
        }
        let any_binary = self.outputs.iter().any(|output| output.binary);
        let mut body = serde_json::to_vec(&Response {
            model_name: model,
            model_version: MODEL_VERSION,
            id: self.id.as_deref(),
            outputs,
        })?;
        let json_bytes = any_binary.then_some(body.len());
        body.extend(binary);
        Ok(Encoded { body, json_bytes })
    }
}

/// One output for all outcomes. Rows of questions that have fewer answers than others are filled up with empty ones.
fn tensor(
    name: OutputName,
    outcomes: &[Result<Vec<Span>, Failed>],
) -> Result<Tensor, serde_json::Error> {
    let answers = |outcome: &Result<Vec<Span>, Failed>| outcome.as_ref().map_or(0, Vec::len);
    let columns = outcomes.iter().map(answers).max().unwrap_or(0);
    let mut parameters = TensorParameters::default();
    let mut shape = vec![outcomes.len(), columns];
    let data = match name {
        OutputName::Output => {
            shape.truncate(1);
            // As MLServer calls it.
            parameters.content_type = Some("hg_jsonlist");
            let json = |outcome: &Result<Vec<Span>, Failed>| {
                serde_json::to_string(&Outcome::from(outcome.clone()))
            };
            Data::Bytes(outcomes.iter().map(json).collect::<Result<_, _>>()?)
        }
        OutputName::Answer => Data::Bytes(cells(outcomes, columns, |span| span.answer.clone())),
        OutputName::Score => Data::Fp64(cells(outcomes, columns, |span| span.score)),
        OutputName::Start => Data::Int64(cells(outcomes, columns, |span| span.start)),
        OutputName::End => Data::Int64(cells(outcomes, columns, |span| span.end)),
    };
    Ok(Tensor {
        name: name.name(),
        datatype: name.datatype(),
        shape,
        parameters,
        data: Some(data),
    })
}

fn cells<T: Clone + Default>(
    outcomes: &[Result<Vec<Span>, Failed>],
    columns: usize,
    cell: impl Fn(&Span) -> T,
) -> Vec<T> {
    let mut cells = Vec::with_capacity(outcomes.len() * columns);
    for (row, outcome) in outcomes.iter().enumerate() {
        cells.extend(outcome.iter().flatten().map(&cell));
        cells.resize((row + 1) * columns, T::default());
    }
    cells
}

impl TensorParameters {
    fn is_empty(&self) -> bool {
        self.content_type.is_none() && self.binary_data_size.is_none()
    }
}

impl Data {
    /// Element after element, least significant byte first; strings behind their length in four bytes.
    fn append_to(&self, binary: &mut Vec<u8>) {
        match self {
            Self::Bytes(texts) => {
                for text in texts {
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                    binary.extend(length.to_le_bytes());
                    binary.extend(text.as_bytes());
                }
            }
            Self::Fp64(numbers) => binary.extend(numbers.iter().flat_map(|n| n.to_le_bytes())),
            Self::Int64(numbers) => {
                let wide = numbers
                    .iter()
                    .map(|&n| i64::try_from(n).unwrap_or(i64::MAX));
                binary.extend(wide.flat_map(i64::to_le_bytes));
            }
        }
    }
}
