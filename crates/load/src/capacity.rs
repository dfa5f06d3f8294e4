//! Users that fit into the memory of this machine.

use std::fs;

/// Memory that a user takes at least: its task, its connection and the buffers of that.
const BYTES_PER_USER: u64 = 8 << 10;

/// The most users that fit into the memory that is free; `None` where the system does not tell.
pub fn most_users() -> Option<u32> {
    let users = free_bytes()? / BYTES_PER_USER;
    Some(u32::try_from(users).unwrap_or(u32::MAX))
}

/// The memory that this process can still get: that of the machine, or of the control group where that allows less.
fn free_bytes() -> Option<u64> {
    let of_machine = kibibytes("/proc/meminfo", "MemAvailable:")?.saturating_mul(1024);
    let number = |file: &str| {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let of_group = number("memory.max")
        .zip(number("memory.current"))
        .map_or(u64::MAX, |(most, used)| most.saturating_sub(used));
    Some(of_machine.min(of_group))
}

fn kibibytes(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_machine_has_room_for_some_users_and_not_for_any_number() {
        let most = super::most_users().unwrap();
        assert!(most > 100 && most < u32::MAX, "{most}");
    }
}
