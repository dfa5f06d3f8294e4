//! Memory that requests and answers may take together, and buffers that keep to it.
//!
//! The first [`FREE_BYTES`] of each buffer are not counted: what most requests take needs no room of others, so that a
//! few that take all of it shut nobody else out.

use std::{
    io::{self, Write},
    sync::Arc,
};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// Bytes of a buffer that need no room.
pub(crate) const FREE_BYTES: usize = 16 * 1024;

/// The least that a buffer grows to.
const LEAST_BYTES: usize = 256;

/// Room for buffers of one purpose. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    room: Arc<Semaphore>,
}

/// The room that a buffer takes; given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    memory: Memory,
    permit: Option<OwnedSemaphorePermit>,
}

/// Reason why a buffer cannot grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// It has its own limit.
    #[error("the limit is reached")]
    Limit,
    /// Others take the room.
    #[error("there is no room")]
    Memory,
}

/// Bytes up to a limit, in room that they take as they grow.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    limit: usize,
    held: Held,
    full: Option<Full>,
}

/// Bytes and the room that they take, for as long as anything of them is in use.
struct Kept<T> {
    bytes: T,
    _held: Held,
}

impl Memory {
    /// Room for so many bytes, all buffers together.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(bytes)),
        }
    }

    /// Room for a buffer that is still small.
    pub(crate) fn hold(&self) -> Held {
        Held {
            memory: self.clone(),
            permit: None,
        }
    }
}

impl Held {
    /// Takes as much room as a buffer of `bytes` needs, or leaves it as it was if there is not so much.
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

    /// `body`, which keeps the room until its last part is written.
    pub(crate) fn keep_for(self, body: Body) -> Body {
        let mut held = Some(self);
        Body::new(body.map_frame(move |frame| {
            frame.map_data(|bytes| match held.take() {
                Some(held) => Bytes::from_owner(Kept { bytes, _held: held }),
                None => bytes,
            })
        }))
    }

    /// Gives back what a buffer of `bytes` does not need.
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
    /// Nothing, to be at most `limit` bytes.
    pub(crate) fn new(limit: usize, memory: &Memory) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            held: memory.hold(),
            full: None,
        }
    }

    /// Appends `more`, or nothing. Grows by half of itself at least, but not beyond `expected`, unless that is exceeded.
    pub(crate) fn push(&mut self, more: &[u8], expected: usize) -> Result<(), Full> {
        let length = self.bytes.len().saturating_add(more.len());
        if length > self.limit {
            return Err(Full::Limit);
        }
        let capacity = self.bytes.capacity();
        if length > capacity {
            let roomy = (capacity + capacity / 2).max(LEAST_BYTES);
            let roomy = roomy.min(expected).max(length);
            // Both are there while one is copied to the other.
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

    /// Reason why the last write failed, if the buffer is the cause.
    pub(crate) fn full(&self) -> Option<Full> {
        self.full
    }

    /// Puts the first `length` bytes behind the others.
    pub(crate) fn rotate(&mut self, length: usize) {
        self.bytes.rotate_left(length);
    }

    /// The bytes, which give the room back when the last part of them is dropped.
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
    /// The refusal of a request whose body is not to be larger than `limit_bytes`.
    pub(crate) fn of_body(self, limit_bytes: usize) -> Refusal {
        match self {
            Self::Limit => Refusal::TooLarge { limit_bytes },
            Self::Memory => Refusal::NoMemory,
        }
    }

    /// The refusal of a request whose answer is not to be larger than `limit_bytes`.
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
