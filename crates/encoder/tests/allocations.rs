//! A pass over tokens like those before it allocates nothing.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use bakeoff_encoder::{Dtype, Encoder, EncoderOptions, Logits, Tokens};

#[allow(
    dead_code,
    reason = "it makes more kinds of models than are needed here"
)]
mod tiny;

/// The system's allocator, which counts.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

// The only test of this file: others would allocate meanwhile.
#[test]
fn no_pass_allocates_once_one_as_large_was_made() {
    let folder = tiny::Tiny::new().write();
    for dtype in [Dtype::Int8, Dtype::F32] {
        let options = EncoderOptions {
            dtype,
            isa: None,
            threads: NonZeroUsize::new(3).unwrap(),
        };
        let encoder = Encoder::open(folder.path(), &options).unwrap();
        let ids: Vec<u32> = (0..121).map(|index| index % 50).collect();
        let types = vec![0; ids.len()];
        let pass = |ends: &[usize], logits: &mut Logits| {
            let count = *ends.last().unwrap();
            let tokens = Tokens {
                input_ids: &ids[..count],
                token_type_ids: &types[..count],
                cumulative_lengths: ends,
            };
            encoder.forward(&tokens, logits).unwrap();
        };
        let mut logits = Logits::default();
        pass(&[0, 64, 71, 121], &mut logits);
        // Threads allocate when they start, which may be late.
        let mut rounds = (0..20).map(|_| {
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            for _ in 0..20 {
                pass(&[0, 64, 71, 121], &mut logits);
                pass(&[0, 5], &mut logits);
                pass(&[0, 50, 51], &mut logits);
            }
            ALLOCATIONS.load(Ordering::Relaxed) - before
        });
        assert!(rounds.any(|allocations| allocations == 0), "{dtype}");
    }
}
