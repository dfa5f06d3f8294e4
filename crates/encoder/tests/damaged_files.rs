//! Files that were damaged load or are refused; they never bring the program down.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::num::NonZeroUsize;

use bakeoff_encoder::{Dtype, Encoder, EncoderOptions};
use proptest::collection::vec;
use proptest::prelude::*;

#[allow(
    dead_code,
    reason = "it makes more kinds of models than are needed here"
)]
mod tiny;

/// What happens to a file.
#[derive(Debug, Clone)]
struct Damage {
    /// Bytes that become others: where, as a share of the part, and what.
    bytes: Vec<(f64, u8)>,
    /// How much of the file is left.
    left: f64,
    /// Whether it is the part that is read first, and not the numbers.
    in_header: bool,
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = vec((0.0..1.0_f64, any::<u8>()), 0..4);
    let left = prop_oneof![3 => Just(1.0), 1 => 0.0..1.0_f64];
    (bytes, left, any::<bool>()).prop_map(|(bytes, left, in_header)| Damage {
        bytes,
        left,
        in_header,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length"
)]
fn share(of: usize, share: f64) -> usize {
    (of as f64 * share) as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_files_load_or_are_refused(
        damage in damage(),
        file in prop_oneof![Just("model.safetensors"), Just("config.json")],
        dtype in prop_oneof![Just(Dtype::Int8), Just(Dtype::F32)],
    ) {
        let folder = tiny::Tiny::new().write();
        let path = folder.path().join(file);
        let mut content = fs::read(&path).unwrap();
        let header = content.len().min(2000);
        for (place, byte) in &damage.bytes {
            let part = if damage.in_header { header } else { content.len() };
            content[share(part, *place)] = *byte;
        }
        content.truncate(share(content.len(), damage.left));
        fs::write(&path, content).unwrap();
        let options = EncoderOptions { dtype, isa: None, threads: NonZeroUsize::MIN };
        if let Err(error) = Encoder::open(folder.path(), &options) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
