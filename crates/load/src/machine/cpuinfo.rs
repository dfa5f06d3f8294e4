//! The text of `/proc/cpuinfo`, of x86 and of ARM. Pure: it reads no file.

use std::collections::HashSet;

/// Vector instruction sets of x86: the kernel's flag and the common name.
const X86_VECTORS: [(&str, &str); 17] = [
    ("sse4_1", "SSE4.1"),
    ("avx", "AVX"),
    ("avx2", "AVX2"),
    ("fma", "FMA"),
    ("f16c", "F16C"),
    ("avx_vnni", "AVX-VNNI"),
    ("avx512f", "AVX-512F"),
    ("avx512dq", "AVX-512DQ"),
    ("avx512bw", "AVX-512BW"),
    ("avx512vl", "AVX-512VL"),
    ("avx512_vnni", "AVX-512 VNNI"),
    ("avx512_bf16", "AVX-512 BF16"),
    ("avx512_fp16", "AVX-512 FP16"),
    ("amx_tile", "AMX-TILE"),
    ("amx_int8", "AMX-INT8"),
    ("amx_bf16", "AMX-BF16"),
    ("amx_fp16", "AMX-FP16"),
];

/// Vector instruction sets of ARM: the kernel's flag and the common name.
const ARM_VECTORS: [(&str, &str); 9] = [
    ("asimd", "NEON"),
    ("asimdhp", "fp16"),
    ("asimddp", "dotprod"),
    ("i8mm", "i8mm"),
    ("bf16", "bf16"),
    ("sve", "SVE"),
    ("sve2", "SVE2"),
    ("sme", "SME"),
    ("sme2", "SME2"),
];

/// Names of ARM processors by implementer and part (Arm's Technical Reference Manuals, register `MIDR_EL1`).
const ARM_NAMES: [(&str, &str, &str); 9] = [
    ("0x41", "0xd08", "Arm Cortex-A72"),
    ("0x41", "0xd0b", "Arm Cortex-A76"),
    ("0x41", "0xd0c", "Arm Neoverse N1"),
    ("0x41", "0xd40", "Arm Neoverse V1"),
    ("0x41", "0xd49", "Arm Neoverse N2"),
    ("0x41", "0xd4f", "Arm Neoverse V2"),
    ("0x41", "0xd84", "Arm Neoverse V3"),
    ("0x41", "0xd8e", "Arm Neoverse N3"),
    ("0xc0", "0xac3", "Ampere-1"),
];

/// Processor in `/proc/cpuinfo`. [`bakeoff_record::Machine`] tells the meaning of each field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Processor {
    pub(super) name: Option<String>,
    pub(super) family: Option<String>,
    pub(super) model: Option<String>,
    pub(super) stepping: Option<String>,
    pub(super) physical_cores: Option<u32>,
    pub(super) vector_instructions: Option<Vec<String>>,
    /// `true` if the processor reports a hypervisor; `None` on ARM, which does not report it.
    pub(super) has_hypervisor: Option<bool>,
}

/// First processor in `text`, the content of `/proc/cpuinfo`, with the number of physical cores of all processors.
pub(super) fn parse(text: &str) -> Processor {
    let first = text.trim_start().split("\n\n").next().unwrap_or_default();
    let field = |name: &str| value(first, name).map(str::to_owned);
    let (implementer, part) = (field("CPU implementer"), field("CPU part"));
    let flags: Option<HashSet<&str>> =
        value(first, "flags").map(|flags| flags.split_whitespace().collect());
    let features = value(first, "Features").map(|flags| flags.split_whitespace().collect());
    let vectors_of_x86 = flags.as_ref().map(|flags| named(&X86_VECTORS, flags));
    let vectors_of_arm = features.map(|features| named(&ARM_VECTORS, &features));
    Processor {
        name: field("model name")
            .or_else(|| arm_name(implementer.as_deref()?, part.as_deref()?).map(str::to_owned)),
        family: field("cpu family").or(implementer),
        model: field("model").or(part),
        stepping: field("stepping").or_else(|| arm_stepping(first)),
        physical_cores: physical_cores(text),
        vector_instructions: vectors_of_x86.or(vectors_of_arm),
        has_hypervisor: flags.map(|flags| flags.contains("hypervisor")),
    }
}

/// Value of a line such as `cpu family : 25`.
fn value<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    let value = block.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })?;
    (!value.is_empty()).then_some(value)
}

fn named(sets: &[(&str, &str)], flags: &HashSet<&str>) -> Vec<String> {
    let present = sets.iter().filter(|(flag, _)| flags.contains(flag));
    present.map(|(_, name)| (*name).to_owned()).collect()
}

fn arm_name(implementer: &str, part: &str) -> Option<&'static str> {
    let known = ARM_NAMES.iter();
    let mut names = known.filter(|(of, number, _)| *of == implementer && *number == part);
    names.next().map(|(_, _, name)| *name)
}

/// Variant and revision in Arm's form, such as `r3p1`.
fn arm_stepping(block: &str) -> Option<String> {
    let variant = value(block, "CPU variant")?.strip_prefix("0x")?;
    let variant = u32::from_str_radix(variant, 16).ok()?;
    Some(format!("r{variant}p{}", value(block, "CPU revision")?))
}

/// Number of distinct cores; `None` if a processor does not report its core.
fn physical_cores(text: &str) -> Option<u32> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let core = |block| Some((value(block, "physical id")?, value(block, "core id")?));
    let cores: HashSet<_> = blocks.map(core).collect::<Option<_>>()?;
    u32::try_from(cores.len()).ok().filter(|cores| *cores > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amd_in_a_virtual_machine() {
        let processor = parse(include_str!("../../tests/fixtures/cpuinfo/amd-zen3.txt"));
        let words = |text: &str| Some(text.to_owned());
        let expected = Processor {
            name: words("AMD EPYC 7763 64-Core Processor"),
            family: words("25"),
            model: words("1"),
            stepping: words("1"),
            physical_cores: Some(2),
            vector_instructions: Some(
                ["SSE4.1", "AVX", "AVX2", "FMA", "F16C"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            has_hypervisor: Some(true),
        };
        assert_eq!(processor, expected);
    }

    #[test]
    fn intel_with_two_sockets_and_two_threads_a_core() {
        let text = include_str!("../../tests/fixtures/cpuinfo/intel-ice-lake.txt");
        let processor = parse(text);
        assert_eq!(
            processor.name.as_deref(),
            Some("Intel(R) Xeon(R) Platinum 8360Y CPU @ 2.40GHz")
        );
        assert_eq!(processor.model.as_deref(), Some("106"));
        assert_eq!(processor.physical_cores, Some(2));
        assert_eq!(processor.has_hypervisor, Some(false));
        assert_eq!(
            processor.vector_instructions.unwrap().join(", "),
            "SSE4.1, AVX, AVX2, FMA, F16C, AVX-512F, AVX-512DQ, AVX-512BW, AVX-512VL, AVX-512 VNNI"
        );
    }

    #[test]
    fn arm_tells_numbers_in_place_of_a_name() {
        let text = include_str!("../../tests/fixtures/cpuinfo/arm-neoverse-v1.txt");
        let processor = parse(text);
        assert_eq!(processor.name.as_deref(), Some("Arm Neoverse V1"));
        assert_eq!(processor.family.as_deref(), Some("0x41"));
        assert_eq!(processor.model.as_deref(), Some("0xd40"));
        assert_eq!(processor.stepping.as_deref(), Some("r1p1"));
        assert_eq!(processor.physical_cores, None);
        assert_eq!(processor.has_hypervisor, None);
        assert_eq!(
            processor.vector_instructions.unwrap().join(", "),
            "NEON, fp16, dotprod, i8mm, bf16, SVE"
        );
    }

    #[test]
    fn text_without_meaning_tells_nothing() {
        for text in ["", "\n\n", "no colon", "flags", ":\n: \n"] {
            assert_eq!(parse(text), Processor::default(), "{text:?}");
        }
    }
}
