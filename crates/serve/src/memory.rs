//! Memory budgets of all bodies and of all responses, and buffers within them.
//!
//! The first [`FREE_BYTES`] of each buffer do not count. Most requests need no more, so that they are answered even if a few
//! requests use the whole budget.

use std::{
    io::{self, Write},
    sync::Arc,
};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// Size up to which a buffer needs no budget, in bytes.
pub(crate) const FREE_BYTES: usize = 16 * 1024;

/// Minimum capacity of a buffer in bytes.
const MIN_CAPACITY: usize = 256;

/// Memory budget for buffers of one purpose. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    room: Arc<Semaphore>,
}

/// Part of the budget that a buffer holds. It is returned when the value is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    memory: Memory,
    permit: Option<OwnedSemaphorePermit>,
}

/// Limit that a buffer has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// Limit of the buffer.
    #[error("the buffer is full")]
    Limit,
    /// Budget of all buffers.
    #[error("the memory budget is used up")]
    Memory,
}

/// Buffer with a limit. It takes its part of the budget as it grows.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    limit: usize,
    held: Held,
    full: Option<Full>,
}

/// Bytes with their part of the budget, until the last reference to them is dropped.
struct Kept<T> {
    bytes: T,
    _held: Held,
}

impl Memory {
    /// Budget of `bytes` for all buffers.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(bytes)),
        }
    }

    /// Empty part of the budget, for a small buffer.
    pub(crate) fn hold(&self) -> Held {
        Held {
            memory: self.clone(),
            permit: None,
        }
    }
}

impl Held {
    /// Takes the budget for a buffer of `bytes`. The part does not change on error.
    ///
    /// # Errors
    /// [`Full::Memory`].
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes
            .saturating_sub(FREE_BYTES)
            .saturating_sub(self.counted());
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Full::Memory)?;
        let room = Arc::clone(&self.memory.room);
        let permit = room.try_acquire_many_owned(more);
        let permit = permit.map_err(|_| Full::Memory)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }

    /// Body that holds the part of the budget until its last frame is sent.
    pub(crate) fn keep_for(self, body: Body) -> Body {
        let mut held = Some(self);
        Body::new(body.map_frame(move |frame| {
            frame.map_data(|bytes| match held.take() {
                Some(held) => Bytes::from_owner(Kept { bytes, _held: held }),
                None => bytes,
            })
        }))
    }

    /// Returns the budget that a buffer of `bytes` does not need.
    fn shrink_to(&mut self, bytes: usize) {
        let less = self
            .counted()
            .saturating_sub(bytes.saturating_sub(FREE_BYTES));
        if let Some(permit) = &mut self.permit {
            drop(permit.split(less));
        }
    }

    fn counted(&self) -> usize {
        let permit = self.permit.as_ref();
        permit.map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl Buffer {
    /// Empty buffer for at most `limit` bytes.
    pub(crate) fn new(limit: usize, memory: &Memory) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            held: memory.hold(),
            full: None,
        }
    }

    /// Appends `more`. The capacity grows by at least a half, but not beyond `expected` if that is enough. The buffer does not change
    /// on error.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn push(&mut self, more: &[u8], expected: usize) -> Result<(), Full> {
        let length = self.bytes.len().saturating_add(more.len());
        if length > self.limit {
            return Err(Full::Limit);
        }
        let capacity = self.bytes.capacity();
        if length > capacity {
            let roomy = (capacity + capacity / 2).max(MIN_CAPACITY);
            let roomy = roomy.min(expected).max(length);
            // While the bytes are copied, the old and the new allocation both exist.
            self.held.grow_to(capacity + roomy)?;
            self.bytes.reserve_exact(roomy - self.bytes.len());
            self.held.shrink_to(self.bytes.capacity());
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Limit that made the last write fail; `None` if the write failed for another reason.
    pub(crate) fn full(&self) -> Option<Full> {
        self.full
    }

    /// Moves the first `length` bytes to the end.
    pub(crate) fn rotate(&mut self, length: usize) {
        self.bytes.rotate_left(length);
    }

    /// Bytes of the buffer. They return their budget when the last reference is dropped.
    pub(crate) fn into_bytes(mut self) -> Bytes {
        self.bytes.shrink_to_fit();
        self.held.shrink_to(self.bytes.capacity());
        if self.held.counted() == 0 {
            return self.bytes.into();
        }
        Bytes::from_owner(Kept {
            bytes: self.bytes,
            _held: self.held,
        })
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.push(bytes, self.limit) {
            Ok(()) => Ok(bytes.len()),
            Err(full) => {
                self.full = Some(full);
                Err(io::Error::other(full))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Kept<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl Full {
    /// Refusal of a request with a body limit of `limit_bytes`.
    pub(crate) fn of_body(self, limit_bytes: usize) -> Refusal {
        match self {
            Self::Limit => Refusal::TooLarge { limit_bytes },
            Self::Memory => Refusal::NoMemory,
        }
    }

    /// Refusal of a request with a response limit of `limit_bytes`.
    pub(crate) fn of_answer(self, limit_bytes: usize) -> Refusal {
        match self {
            Self::Limit => Refusal::AnswerTooLarge { limit_bytes },
            Self::Memory => Refusal::NoMemory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(length: usize, memory: &Memory) -> Result<Buffer, Full> {
        let mut buffer = Buffer::new(100 * FREE_BYTES, memory);
        buffer.push(&vec![b'x'; length], usize::MAX)?;
        Ok(buffer)
    }

    #[test]
    fn small_buffers_need_no_room() {
        let memory = Memory::new(0);
        assert_eq!(
            filled(FREE_BYTES, &memory).unwrap().into_bytes().len(),
            FREE_BYTES
        );
        assert_eq!(filled(FREE_BYTES + 1, &memory).unwrap_err(), Full::Memory);
    }

    #[test]
    fn room_is_given_back_with_the_last_of_the_bytes() {
        let memory = Memory::new(10);
        let bytes = filled(FREE_BYTES + 10, &memory).unwrap().into_bytes();
        let part = bytes.slice(..1);
        drop(bytes);
        assert_eq!(filled(FREE_BYTES + 1, &memory).unwrap_err(), Full::Memory);
        drop(part);
        assert!(filled(FREE_BYTES + 10, &memory).is_ok());
        assert_eq!(memory.room.available_permits(), 10);
    }

    #[test]
    fn a_buffer_has_a_limit_of_its_own() {
        let mut buffer = Buffer::new(3, &Memory::new(1000));
        assert!(buffer.write_all(b"abc").is_ok());
        assert!(buffer.write_all(b"d").is_err());
        assert_eq!(buffer.full(), Some(Full::Limit));
        assert_eq!(buffer.into_bytes(), "abc");
    }

    #[test]
    fn what_is_written_bit_by_bit_takes_the_room_of_its_length() {
        let memory = Memory::new(1 << 20);
        let mut buffer = Buffer::new(usize::MAX, &memory);
        for _ in 0..100_000 {
            buffer.write_all(b"abc").unwrap();
        }
        let bytes = buffer.into_bytes();
        assert_eq!(
            (1 << 20) - memory.room.available_permits(),
            300_000 - FREE_BYTES
        );
        drop(bytes);
        assert_eq!(memory.room.available_permits(), 1 << 20);
    }
}
