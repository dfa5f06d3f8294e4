//! Memory that starts on a cache line, and memory that several threads work on.

use std::marker::PhantomData;

use crate::gemm::RowScale;

/// Words of 32 bits, which hold floats, pairs of bf16 or quads of bytes; zero at first. The first starts a cache line, so
/// that no vector of a panel lies on two.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<Line>);

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; LINE_WORDS]);

/// Words in a cache line. Rows of buffers have a multiple of them.
pub(crate) const LINE_WORDS: usize = 16;

impl Words {
    /// As many zeros, rounded up to a cache line.
    pub(crate) fn zeros(count: usize) -> Self {
        Self(vec![Line([0; LINE_WORDS]); count.div_ceil(LINE_WORDS)])
    }

    /// Makes room for as many; new ones are zero.
    pub(crate) fn grow(&mut self, count: usize) {
        let lines = count.div_ceil(LINE_WORDS);
        if lines > self.0.len() {
            self.0.resize(lines, Line([0; LINE_WORDS]));
        }
    }

    /// All words.
    pub(crate) fn as_slice(&self) -> &[u32] {
        // SAFETY: a line is sixteen words and nothing else, and lines lie one after another.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LINE_WORDS) }
    }

    /// All words.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u32] {
        let count = self.0.len() * LINE_WORDS;
        // SAFETY: a line is sixteen words and nothing else, and lines lie one after another.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), count) }
    }

    /// For threads that write to different places of it.
    pub(crate) fn shared<T: Word>(&mut self) -> Shared<'_, T> {
        let count = self.0.len() * size_of::<Line>() / size_of::<T>();
        Shared {
            first: self.0.as_mut_ptr().cast(),
            count,
            buffer: PhantomData,
        }
    }
}

/// Type that words may hold: every bit pattern is a value, and a cache line holds a whole number of them.
pub(crate) trait Word: Copy {}
impl Word for u32 {}
impl Word for i32 {}
impl Word for f32 {}
impl Word for RowScale {}

/// A buffer that several threads read and write, each where no other does at that time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a, T> {
    first: *mut T,
    count: usize,
    buffer: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a pointer into memory that outlives it; who reads and writes through it promises that no two threads do so
// at the same place at the same time, one of them writing.
unsafe impl<T: Word> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Word> Sync for Shared<'_, T> {}

impl<T: Word> Shared<'_, T> {
    /// From the element `start` on, of which at least `count` follow.
    pub(crate) fn at(&self, start: usize, count: usize) -> *mut T {
        assert!(
            start <= self.count && count <= self.count - start,
            "{count} from {start} of {}",
            self.count
        );
        self.first.wrapping_add(start)
    }
}
