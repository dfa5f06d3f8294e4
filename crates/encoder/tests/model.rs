//! Models that work and models that do not, by way of tiny ones that are made here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tiny;

use std::fs;
use std::num::NonZeroUsize;

use bakeoff_encoder::{
    Dtype, Encoder, EncoderOptions, ForwardError, Isa, LoadError, Logits, Tokens,
};
use proptest::collection::vec;
use proptest::prelude::*;

use self::tiny::{Float, Tiny};

const DTYPES: [Dtype; 3] = [Dtype::Int8, Dtype::Bf16, Dtype::F32];

fn options(dtype: Dtype, isa: Isa, threads: usize) -> EncoderOptions {
    EncoderOptions {
        dtype,
        isa: Some(isa),
        threads: NonZeroUsize::new(threads).unwrap(),
    }
}

fn f32_options() -> EncoderOptions {
    EncoderOptions {
        dtype: Dtype::F32,
        ..EncoderOptions::default()
    }
}

/// The logits of sequences of these lengths, with made-up tokens.
fn logits(encoder: &Encoder, lengths: &[usize]) -> Logits {
    let mut logits = Logits::default();
    let (ids, ends) = tokens(lengths);
    let types: Vec<u32> = ids.iter().map(|id| id % 2).collect();
    let tokens = Tokens {
        input_ids: &ids,
        token_type_ids: &types,
        cumulative_lengths: &ends,
    };
    encoder.forward(&tokens, &mut logits).unwrap();
    logits
}

/// Each sequence starts with the same tokens.
fn tokens(lengths: &[usize]) -> (Vec<u32>, Vec<usize>) {
    let mut ends = vec![0];
    let mut ids = Vec::new();
    for length in lengths {
        ids.extend((0..u32::try_from(*length).unwrap()).map(|index| index * 7 % 50));
        ends.push(ids.len());
    }
    (ids, ends)
}

#[test]
fn a_batch_gives_what_its_sequences_give_alone() {
    let tiny = Tiny::new().write();
    for isa in Isa::available() {
        for dtype in DTYPES {
            let Ok(encoder) = Encoder::open(tiny.path(), &options(dtype, isa, 1)) else {
                continue;
            };
            let together = logits(&encoder, &[5, 1, 33, 64, 2]);
            let mut first = 0;
            for length in [5, 1, 33, 64, 2] {
                let alone = logits(&encoder, &[length]);
                assert_eq!(
                    together.start[first..first + length],
                    alone.start,
                    "{isa} {dtype}"
                );
                assert_eq!(
                    together.end[first..first + length],
                    alone.end,
                    "{isa} {dtype}"
                );
                first += length;
            }
        }
    }
}

#[test]
fn more_threads_give_the_same() {
    let tiny = Tiny::new().write();
    for dtype in DTYPES {
        let open = |threads| Encoder::open(tiny.path(), &options(dtype, Isa::detect(), threads));
        let Ok(alone) = open(1) else { continue };
        let expected = logits(&alone, &[64, 7, 50]);
        for threads in [2, 3, 5] {
            let encoder = open(threads).unwrap();
            for _ in 0..20 {
                assert_eq!(
                    logits(&encoder, &[64, 7, 50]),
                    expected,
                    "{dtype} {threads}"
                );
            }
        }
    }
}

#[test]
fn calls_at_the_same_time_give_the_same() {
    let tiny = Tiny::new().write();
    let encoder = Encoder::open(tiny.path(), &options(Dtype::Int8, Isa::detect(), 3)).unwrap();
    let expected = logits(&encoder, &[40, 3, 61]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(logits(&encoder, &[40, 3, 61]), expected);
                }
            });
        }
    });
}

#[test]
fn instructions_agree() {
    let tiny = Tiny::new().write();
    for (dtype, tolerance) in [(Dtype::F32, 1e-4), (Dtype::Int8, 0.2)] {
        let open = |isa| Encoder::open(tiny.path(), &options(dtype, isa, 1)).unwrap();
        let expected = logits(&open(Isa::Portable), &[30, 64]);
        for isa in Isa::available() {
            let found = logits(&open(isa), &[30, 64]);
            let apart = apart(&found, &expected);
            assert!(apart < tolerance, "{isa} {dtype}: {apart}");
        }
    }
}

#[test]
fn eight_bits_and_bf16_are_near_f32() {
    let tiny = Tiny::new().write();
    let expected = logits(&Encoder::open(tiny.path(), &f32_options()).unwrap(), &[64]);
    for (dtype, tolerance) in [(Dtype::Int8, 0.3), (Dtype::Bf16, 0.1)] {
        let encoder = Encoder::open(tiny.path(), &options(dtype, Isa::Portable, 1)).unwrap();
        let apart = apart(&logits(&encoder, &[64]), &expected);
        assert!(apart < tolerance, "{dtype}: {apart}");
    }
}

fn apart(a: &Logits, b: &Logits) -> f32 {
    let pairs = a
        .start
        .iter()
        .chain(&a.end)
        .zip(b.start.iter().chain(&b.end));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_group_of_many_sequences_is_split() {
    let tiny = Tiny::new().write();
    let encoder = Encoder::open(tiny.path(), &EncoderOptions::default()).unwrap();
    let many = logits(&encoder, &[64; 40]);
    let one = logits(&encoder, &[64]);
    assert_eq!(many.start, one.start.repeat(40));
}

#[test]
fn weights_may_be_halves_in_several_files_and_without_prefix() {
    let tiny = Tiny::new();
    let exact = logits(
        &Encoder::open(tiny.write().path(), &f32_options()).unwrap(),
        &[20],
    );
    for float in [Float::F32, Float::F16, Float::Bf16] {
        for (files, prefix) in [(1, ""), (1, "bert."), (3, "bert.")] {
            let folder = tiny
                .clone()
                .float(float)
                .files(files)
                .prefix(prefix)
                .write();
            let found = logits(
                &Encoder::open(folder.path(), &f32_options()).unwrap(),
                &[20],
            );
            let tolerance = match float {
                Float::F32 => 0.0,
                Float::F16 => 0.01,
                Float::Bf16 => 0.1,
            };
            assert!(
                apart(&found, &exact) <= tolerance,
                "{float:?} {files} {prefix}"
            );
        }
    }
}

#[test]
fn values_that_are_not_finite_are_refused_by_name() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for float in [Float::F32, Float::F16, Float::Bf16] {
            for name in [
                "embeddings.word_embeddings.weight",
                "encoder.layer.1.output.dense.weight",
            ] {
                let folder = Tiny::new().float(float).poisoned(name, value).write();
                let error = Encoder::open(folder.path(), &f32_options()).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    format!("`bert.{name}` has values that are not finite")
                );
            }
        }
    }
}

#[test]
fn missing_and_misshapen_weights_are_named() {
    let folder = Tiny::new()
        .without("encoder.layer.0.attention.self.key.bias")
        .write();
    let error = Encoder::open(folder.path(), &f32_options()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the weights have no `bert.encoder.layer.0.attention.self.key.bias`"
    );
    let folder = Tiny::new().write();
    tiny::change_config(folder.path(), "intermediate_size", "48");
    let error = Encoder::open(folder.path(), &f32_options()).unwrap_err();
    assert!(matches!(error, LoadError::Shape { .. }), "{error}");
}

#[test]
fn what_does_not_work_is_named_with_what_to_do() {
    for (key, value, expected) in [
        (
            "architectures",
            r#"["ElectraForQuestionAnswering"]"#,
            "ElectraForQuestionAnswering",
        ),
        ("hidden_act", r#""swish""#, "the activation `swish`"),
        (
            "position_embedding_type",
            r#""relative_key""#,
            "relative_key position embeddings",
        ),
        ("quantization_config", "{}", "already quantized"),
    ] {
        let folder = Tiny::new().write();
        tiny::change_config(folder.path(), key, value);
        let error = Encoder::open(folder.path(), &f32_options())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && error.contains("export the model to ONNX"),
            "{error}"
        );
    }
}

#[test]
fn sizes_that_do_not_hang_together_are_refused() {
    for (key, value) in [
        ("num_attention_heads", "0"),
        ("num_attention_heads", "5"),
        ("hidden_size", "9999999999"),
        ("max_position_embeddings", "0"),
    ] {
        let folder = Tiny::new().write();
        tiny::change_config(folder.path(), key, value);
        let error = Encoder::open(folder.path(), &f32_options()).unwrap_err();
        assert!(matches!(error, LoadError::Config(_)), "{key}: {error}");
    }
}

#[test]
fn files_that_are_no_safetensors_are_refused() {
    let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    for bytes in [
        Vec::new(),
        vec![1, 2, 3],
        u64::MAX.to_le_bytes().to_vec(),
        header("{"),
        header("[]"),
        header(r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#),
        header(r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 0]}}"#),
        header(
            r#"{"a": {"dtype": "F32", "shape": [18446744073709551615, 2], "data_offsets": [0, 0]}}"#,
        ),
        header(
            r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 18446744073709551615]}}"#,
        ),
        header(r#"{"a": 7}"#),
    ] {
        let folder = Tiny::new().write();
        std::fs::write(folder.path().join("model.safetensors"), &bytes).unwrap();
        let error = Encoder::open(folder.path(), &f32_options()).unwrap_err();
        assert!(matches!(error, LoadError::Malformed { .. }), "{error}");
    }
}

#[test]
fn an_index_names_files_of_its_folder_only() {
    let folder = Tiny::new().files(2).write();
    let index = r#"{"weight_map": {"a": "../elsewhere.safetensors"}}"#;
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    let error = Encoder::open(folder.path(), &f32_options()).unwrap_err();
    assert!(matches!(error, LoadError::Malformed { .. }), "{error}");
}

#[test]
fn tokens_that_the_model_does_not_know_are_refused() {
    let tiny = Tiny::new().write();
    let encoder = Encoder::open(tiny.path(), &EncoderOptions::default()).unwrap();
    let forward = |ids: &[u32], types: &[u32], ends: &[usize]| {
        let tokens = Tokens {
            input_ids: ids,
            token_type_ids: types,
            cumulative_lengths: ends,
        };
        encoder.forward(&tokens, &mut Logits::default())
    };
    assert!(matches!(
        forward(&[50], &[0], &[0, 1]),
        Err(ForwardError::TokenId { id: 50, limit: 50 })
    ));
    assert!(matches!(
        forward(&[1], &[2], &[0, 1]),
        Err(ForwardError::TokenType { id: 2, limit: 2 })
    ));
    assert!(matches!(
        forward(&[1], &[0, 0], &[0, 1]),
        Err(ForwardError::Lengths { .. })
    ));
    assert!(matches!(
        forward(&[1], &[0], &[0, 2]),
        Err(ForwardError::Lengths { .. })
    ));
    assert!(matches!(
        forward(&[1], &[0], &[0, 0, 1]),
        Err(ForwardError::SequenceLength { tokens: 0, .. })
    ));
    assert!(matches!(
        forward(&[1, 1], &[0, 0], &[0, 3, 2]),
        Err(ForwardError::SequenceLength { .. })
    ));
    let long = vec![1; 65];
    assert!(matches!(
        forward(&long, &long, &[0, 65]),
        Err(ForwardError::SequenceLength {
            tokens: 65,
            limit: 64
        })
    ));
    assert!(forward(&[], &[], &[0]).is_ok());
    assert!(forward(&[], &[], &[]).is_ok());
}

#[test]
fn instructions_that_the_cpu_lacks_are_refused() {
    let tiny = Tiny::new().write();
    for isa in [
        Isa::Avx512Bf16,
        Isa::Avx512,
        Isa::AvxVnni,
        Isa::Avx2,
        Isa::Portable,
    ] {
        let opened = Encoder::open(tiny.path(), &options(Dtype::Int8, isa, 1));
        assert_eq!(opened.is_ok(), isa.is_available(), "{isa}");
    }
    if Isa::Avx2.is_available() {
        let error = Encoder::open(tiny.path(), &options(Dtype::Bf16, Isa::Avx2, 1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this CPU cannot compute with bf16 by avx2; it can with int8 and f32"
        );
    }
}

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
        let folder = Tiny::new().write();
        let path = folder.path().join(file);
        let mut content = fs::read(&path).unwrap();
        let header = content.len().min(2000);
        for (place, byte) in &damage.bytes {
            let part = if damage.in_header { header } else { content.len() };
            content[share(part, *place)] = *byte;
        }
        content.truncate(share(content.len(), damage.left));
        fs::write(&path, content).unwrap();
        if let Err(error) = Encoder::open(folder.path(), &options(dtype, Isa::detect(), 1)) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
