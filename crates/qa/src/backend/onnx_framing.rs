//! Check of the protocol buffer structure of an ONNX file, before the loader reads the file.
//!
//! The loader trusts lengths in the file. A length beyond the end of the file makes the loader allocate that much memory, or
//! read the same field again and again. So does a number without an end. Both abort or block the process, and no error
//! handling helps. The check does not look at the meaning of the graph.

use std::io::{BufRead, Seek};

use crate::error::BackendError;

/// Maximum depth of nested messages. Each nested branch of a graph takes three levels.
const MAX_DEPTH: u32 = 64;

/// Maximum size of a number in bytes, with seven bits in each byte.
const MAX_NUMBER_BYTES: usize = 10;

/// Checks that every field in the `length` bytes of `source` ends within its message.
///
/// # Errors
/// The position of the first malformed byte, or the error of `source`.
pub(crate) fn check(source: impl BufRead + Seek, length: u64) -> Result<(), BackendError> {
    let mut walk = Walk {
        source,
        position: 0,
    };
    walk.message(Message::Model, length, 0)
}

/// Type of a message in an ONNX file. Messages without nested messages are all [`Message::Flat`].
#[derive(Debug, Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Sequence,
    Shape,
    /// Message with only numbers and text.
    Flat,
}

/// Content of a field with a length.
#[derive(Debug, Clone, Copy)]
enum Content {
    Message(Message),
    /// Numbers of variable length.
    Numbers,
    /// Numbers with a fixed size in bytes.
    Fixed(u64),
    /// Text, raw tensor data, or a field that the loader skips.
    Opaque,
}

impl Message {
    /// Content of the field `number`, as in onnx.proto.
    fn field(self, number: u64) -> Content {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6) => Content::Message(Self::Graph),
            (Self::Model, 8 | 14) | (Self::Tensor, 13) | (Self::Shape, 1) => {
                Content::Message(Self::Flat)
            }
            (Self::Graph, 1) => Content::Message(Self::Node),
            (Self::Graph | Self::Attribute, 5) => Content::Message(Self::Tensor),
            (Self::Graph, 11..=13) => Content::Message(Self::ValueInfo),
            (Self::Node, 5) => Content::Message(Self::Attribute),
            (Self::Type, 1) => Content::Message(Self::TensorType),
            (Self::Type, 4) => Content::Message(Self::Sequence),
            (Self::ValueInfo, 2) | (Self::Sequence, 1) => Content::Message(Self::Type),
            (Self::TensorType, 2) => Content::Message(Self::Shape),
            (Self::Attribute, 8) | (Self::Tensor, 1 | 5 | 7) => Content::Numbers,
            (Self::Attribute, 7) | (Self::Tensor, 4) => Content::Fixed(4),
            (Self::Tensor, 10) => Content::Fixed(8),
            _ => Content::Opaque,
        }
    }
}

/// Position in the bytes of a file.
#[derive(Debug)]
struct Walk<R> {
    source: R,
    position: u64,
}

impl<R: BufRead + Seek> Walk<R> {
    fn message(&mut self, message: Message, end: u64, depth: u32) -> Result<(), BackendError> {
        if depth > MAX_DEPTH {
            return Err(self.malformed());
        }
        while self.position < end {
            let key = self.number(end)?;
            match key & 7 {
                0 => {
                    self.number(end)?;
                }
                1 => self.skip(8, end)?,
                2 => {
                    let length = self.number(end)?;
                    self.content(message.field(key >> 3), length, end, depth)?;
                }
                5 => self.skip(4, end)?,
                _ => return Err(self.malformed()),
            }
        }
        Ok(())
    }

    fn content(
        &mut self,
        content: Content,
        length: u64,
        end: u64,
        depth: u32,
    ) -> Result<(), BackendError> {
        let after = self
            .position
            .checked_add(length)
            .filter(|&after| after <= end);
        let after = after.ok_or_else(|| self.malformed())?;
        match content {
            Content::Message(message) => self.message(message, after, depth + 1),
            Content::Numbers => {
                while self.position < after {
                    self.number(after)?;
                }
                Ok(())
            }
            Content::Fixed(size) if !length.is_multiple_of(size) => Err(self.malformed()),
            Content::Fixed(_) | Content::Opaque => self.skip(length, end),
        }
    }

    /// Reads a number with seven bits in each byte, lowest bits first. All bytes except the last one are 128 or more.
    fn number(&mut self, end: u64) -> Result<u64, BackendError> {
        let mut number = 0;
        for index in 0..MAX_NUMBER_BYTES {
            if self.position >= end {
                return Err(self.malformed());
            }
            let mut byte = [0];
            self.source.read_exact(&mut byte)?;
            self.position += 1;
            // Only one bit of the tenth byte is part of a 64-bit number.
            if index + 1 == MAX_NUMBER_BYTES && byte[0] > 1 {
                return Err(self.malformed());
            }
            number |= u64::from(byte[0] & 0x7f) << (7 * index);
            if byte[0] < 0x80 {
                return Ok(number);
            }
        }
        Err(self.malformed())
    }

    fn skip(&mut self, bytes: u64, end: u64) -> Result<(), BackendError> {
        let after = self
            .position
            .checked_add(bytes)
            .filter(|&after| after <= end);
        self.position = after.ok_or_else(|| self.malformed())?;
        self.source.seek_relative(i64::try_from(bytes)?)?;
        Ok(())
    }

    fn malformed(&self) -> BackendError {
        format!("not an ONNX file: malformed at byte {}", self.position).into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn fields_that_end_where_they_should_pass() {
        accepts(&[]);
        // A version, a producer name, an empty graph, and an unknown field.
        accepts(&[0x08, 8, 0x12, 2, b'm', b'e', 0x3a, 0, 0xf8, 0x7f, 1]);
        // The largest number of 64 bits.
        accepts(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        // Two dimensions and a float of a tensor.
        accepts(&[0x3a, 12, 0x2a, 10, 0x0a, 2, 3, 4, 0x22, 4, 0, 0, 128, 63]);
    }

    #[test]
    fn lengths_beyond_the_message_are_refused() {
        refuses(&[0x12], 1);
        refuses(&[0x12, 1], 2);
        refuses(&[0x3a, 2, 0x0a, 1, 0], 4);
        refuses(&[0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], 11);
        refuses(&[0x09, 1, 2, 3], 1);
        refuses(&[0x0d, 1, 2, 3], 1);
    }

    #[test]
    fn endless_numbers_are_refused() {
        refuses(&[0xff; 20], 10);
        refuses(&[0x08, 0xff, 0xff], 3);
        // A number in packed dimensions that continues in the next field.
        refuses(&[0x3a, 5, 0x2a, 3, 0x0a, 1, 0xff], 7);
    }

    #[test]
    fn broken_numbers_of_fixed_size_are_refused() {
        refuses(&[0x3a, 5, 0x2a, 3, 0x22, 1, 0], 6);
    }

    #[test]
    fn wire_types_that_onnx_does_not_use_are_refused() {
        refuses(b"version https://git-lfs.github.com/spec/v1", 1);
        refuses(&[0x0b], 1);
    }

    #[test]
    fn graphs_within_graphs_have_an_end() {
        accepts(&nested(15));
        let deep = nested(1000);
        assert!(check(Cursor::new(&deep), deep.len() as u64).is_err());
    }

    /// Graph in an attribute of a node of a graph, nested `levels` times.
    fn nested(levels: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for key in [0x32, 0x2a, 0x0a].repeat(levels) {
            bytes = field(key, &bytes);
        }
        field(0x3a, &bytes)
    }

    fn field(key: u8, content: &[u8]) -> Vec<u8> {
        let digit = |shift: usize| u8::try_from(content.len() >> shift & 0x7f).unwrap();
        [&[key, digit(0) | 0x80, digit(7) | 0x80, digit(14)], content].concat()
    }

    #[track_caller]
    fn accepts(bytes: &[u8]) {
        check(Cursor::new(bytes), bytes.len() as u64).unwrap();
    }

    #[track_caller]
    fn refuses(bytes: &[u8], at: u64) {
        let error = check(Cursor::new(bytes), bytes.len() as u64).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("at byte {at}")),
            "{error}"
        );
    }
}
