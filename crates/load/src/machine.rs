//! Description of this machine for records.

use std::collections::HashSet;
use std::path::Path;

use bakeoff_record::Machine;
use procfs::{Current, Meminfo};

mod cpuinfo;
mod hypervisor;

use hypervisor::Signs;

/// Folder in which the system describes its processors.
const CPU: &str = "/sys/devices/system/cpu";

/// Description of this machine. A value that cannot be read is `unknown`, 0 or `None`.
pub fn describe() -> Machine {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = cpuinfo::parse(&info);
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let hypervisor = hypervisor::name(&Signs {
        told_by_processor: processor.has_hypervisor,
        kind: read("/sys/hypervisor/type").as_deref(),
        vendor: read("/sys/class/dmi/id/sys_vendor").as_deref(),
        product: read("/sys/class/dmi/id/product_name").as_deref(),
    });
    Machine {
        cpu: processor.name.unwrap_or_else(|| "unknown processor".into()),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_bytes: Meminfo::current().map_or(0, |memory| memory.mem_total),
        os: format!(
            "{}, Linux {kernel}",
            system().unwrap_or_else(|| "unknown system".into())
        ),
        governor: read(&format!("{CPU}/cpu0/cpufreq/scaling_governor")),
        cpu_family: processor.family,
        cpu_model: processor.model,
        cpu_stepping: processor.stepping,
        physical_cores: processor.physical_cores.or_else(cores_of_topology),
        smt: read(&format!("{CPU}/smt/active")).and_then(|text| switch(&text)),
        numa_nodes: read("/sys/devices/system/node/online").and_then(|list| length(&list)),
        vector_instructions: processor.vector_instructions,
        boost: boost(),
        hypervisor,
    }
}

/// Content of a small system file without white space around it; `None` if it is empty or missing.
fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn system() -> Option<String> {
    let text = read("/etc/os-release")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

/// `true` if the clock may rise above its base frequency, by the general driver or by that of Intel.
fn boost() -> Option<bool> {
    let general = read(&format!("{CPU}/cpufreq/boost")).and_then(|text| switch(&text));
    let no_turbo = read(&format!("{CPU}/intel_pstate/no_turbo")).and_then(|text| switch(&text));
    general.or(no_turbo.map(|off| !off))
}

/// Value of a system switch: `1` is on, `0` is off.
fn switch(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

/// Length of a list of the kernel, such as 3 for `0-1,4`.
fn length(ranges: &str) -> Option<u32> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    ranges
        .split(',')
        .try_fold(0_u32, |length, range| length.checked_add(part(range)?))
}

/// Number of physical cores by the topology files, for processors such as ARM whose `/proc/cpuinfo` does not tell it.
fn cores_of_topology() -> Option<u32> {
    let mut cores = HashSet::new();
    for entry in std::fs::read_dir(CPU).ok()?.flatten() {
        let topology = entry.path().join("topology");
        let of = |file: &str| std::fs::read_to_string(Path::new(&topology).join(file)).ok();
        if let (Some(package), Some(core)) = (of("physical_package_id"), of("core_id")) {
            cores.insert((package, core));
        }
    }
    u32::try_from(cores.len()).ok().filter(|cores| *cores > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_a_system() {
        let machine = describe();
        assert!(!machine.cpu.is_empty() && machine.os.contains("Linux"));
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert!(machine.vector_instructions.is_some(), "{machine:?}");
        }
    }

    #[test]
    fn lists_of_the_kernel_have_a_length() {
        for (list, expected) in [
            ("0", Some(1)),
            ("0-1", Some(2)),
            ("0-1,4,8-15", Some(11)),
            ("1-0", None),
            ("0-4294967295", None),
            ("", None),
            ("all", None),
        ] {
            assert_eq!(length(list), expected, "{list}");
        }
    }

    #[test]
    fn switches_are_on_or_off() {
        assert_eq!(
            ["1", "0", "on"].map(switch),
            [Some(true), Some(false), None]
        );
    }
}
