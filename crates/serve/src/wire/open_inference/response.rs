//! Writer of inference responses.
//!
//! Tensors are written directly to the buffer, because rows with empty cells can be many times larger than the answers.

use std::{
    fmt,
    io::{self, Write},
    iter,
};

use serde::{Serialize, Serializer};

use super::{
    MODEL_VERSION, OutputName,
    request::{RequestedOutput, ResponseForm},
};
use crate::{
    memory::Buffer,
    wire::answers::{Failed, Outcome, Span},
};

/// Answers or error of a question.
type Row<'context> = Result<Vec<Span<'context>>, Failed>;

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<Tensor<'a>>,
}

#[derive(Serialize)]
struct Tensor<'a> {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "TensorParameters::is_empty")]
    parameters: TensorParameters,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Default, Serialize)]
struct TensorParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_data_size: Option<usize>,
}

/// Elements of a tensor.
#[derive(Clone, Copy)]
struct Data<'a> {
    name: OutputName,
    rows: &'a [Row<'a>],
    columns: usize,
}

impl ResponseForm {
    /// Writes the response with the requested outputs: JSON, and then binary data. Returns the length of the JSON in bytes; `None` if
    /// there is no binary output.
    ///
    /// # Errors
    /// Errors of the buffer.
    pub(crate) fn respond(
        &self,
        model: &str,
        rows: &[Row<'_>],
        out: &mut Buffer,
    ) -> io::Result<Option<usize>> {
        let columns = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len));
        let columns = columns.max().unwrap_or(0);
        let mut outputs = Vec::new();
        for &RequestedOutput { name, binary } in &self.outputs {
            let data = Data {
                name,
                rows,
                columns,
            };
            let mut tensor = data.tensor();
            if binary {
                let before = out.len();
                data.write_binary(out)?;
                tensor.parameters.binary_data_size = Some(out.len() - before);
                tensor.data = None;
            }
            outputs.push(tensor);
        }
        // The JSON comes last, because it contains the sizes of the binary data.
        let binary_bytes = out.len();
        let response = Response {
            model_name: model,
            model_version: MODEL_VERSION,
            id: self.id.as_deref(),
            outputs,
        };
        serde_json::to_writer(&mut *out, &response)?;
        let json_bytes = out.len() - binary_bytes;
        out.rotate(binary_bytes);
        let any_binary = self.outputs.iter().any(|output| output.binary);
        Ok(any_binary.then_some(json_bytes))
    }
}

impl<'a> Data<'a> {
    fn tensor(self) -> Tensor<'a> {
        let mut parameters = TensorParameters::default();
        let mut shape = vec![self.rows.len(), self.columns];
        if self.name == OutputName::Output {
            shape.truncate(1);
            // Name in MLServer.
            parameters.content_type = Some("hg_jsonlist");
        }
        Tensor {
            name: self.name.name(),
            datatype: self.name.datatype(),
            shape,
            parameters,
            data: Some(self),
        }
    }

    /// Result of `cell` for each answer, row by row. Rows with fewer answers end with default values.
    fn cells<T: Default>(self, cell: impl Fn(&Span<'a>) -> T) -> impl Iterator<Item = T> {
        let (rows, columns) = (self.rows, self.columns);
        rows.iter().flat_map(move |row| {
            let answers = row.as_ref().map_or(&[][..], Vec::as_slice);
            let missing = columns - answers.len();
            let filling = iter::repeat_with(T::default).take(missing);
            let cells: Vec<T> = answers.iter().map(&cell).collect();
            cells.into_iter().chain(filling)
        })
    }

    fn answers(self) -> impl Iterator<Item = &'a str> {
        self.cells(|span| span.answer)
    }

    /// Writes the elements in binary form, least significant byte first. Each text follows its length in four bytes.
    ///
    /// # Errors
    /// Errors of the buffer.
    fn write_binary(self, out: &mut Buffer) -> io::Result<()> {
        let mut text = |text: &str| {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            out.write_all(&length.to_le_bytes())?;
            out.write_all(text.as_bytes())
        };
        match self.name {
            OutputName::Output => self
                .rows
                .iter()
                .try_for_each(|row| text(&JsonText(row).to_string())),
            OutputName::Answer => self.answers().try_for_each(text),
            OutputName::Score => self
                .cells(|span| span.score)
                .try_for_each(|score| out.write_all(&score.to_le_bytes())),
            OutputName::Start => write_integers(self.cells(|span| span.start), out),
            OutputName::End => write_integers(self.cells(|span| span.end), out),
        }
    }
}

fn write_integers(mut integers: impl Iterator<Item = usize>, out: &mut Buffer) -> io::Result<()> {
    integers.try_for_each(|integer| {
        let wide = i64::try_from(integer).unwrap_or(i64::MAX);
        out.write_all(&wide.to_le_bytes())
    })
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name {
            OutputName::Output => serializer.collect_seq(self.rows.iter().map(JsonText)),
            OutputName::Answer => serializer.collect_seq(self.answers()),
            OutputName::Score => serializer.collect_seq(self.cells(|span| span.score)),
            OutputName::Start => serializer.collect_seq(self.cells(|span| span.start)),
            OutputName::End => serializer.collect_seq(self.cells(|span| span.end)),
        }
    }
}

/// Answers or error of a question, as JSON text.
struct JsonText<'a>(&'a Row<'a>);

impl fmt::Display for JsonText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = Outcome::from(self.0.clone());
        serde_json::to_writer(Formatted(formatter), &outcome).map_err(|_| fmt::Error)
    }
}

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writer of bytes to a formatter.
struct Formatted<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Formatted<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TensorParameters {
    fn is_empty(&self) -> bool {
        self.content_type.is_none() && self.binary_data_size.is_none()
    }
}
