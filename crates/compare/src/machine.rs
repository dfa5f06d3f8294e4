//! What this machine is.

use bakeoff_report::Machine;
use procfs::{CpuInfo, Current, Meminfo};

/// Reads the machine's description; what cannot be read is called unknown.
pub fn describe() -> Machine {
    let cpu = CpuInfo::current()
        .ok()
        .and_then(|info| info.model_name(0).map(str::to_owned));
    let system = std::fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| {
            let name = text
                .lines()
                .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(name.trim_matches('"').to_owned())
        });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        cpu: cpu.unwrap_or_else(|| "unknown processor".into()),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_bytes: Meminfo::current().map_or(0, |memory| memory.mem_total),
        os: format!(
            "{}, Linux {}",
            system.unwrap_or_else(|| "unknown system".into()),
            kernel.trim()
        ),
        governor: std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
            .ok()
            .map(|governor| governor.trim().to_owned()),
    }
}
