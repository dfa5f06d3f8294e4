//! Who started a contender: written on it, so that a later run can tell whether it was abandoned.

use procfs::process::Process;

/// This process, told apart from every other of every machine that shares a Docker engine with this one:
/// boot, process namespace, process id and the time it was started.
pub(super) fn this_process() -> String {
    let own = Process::myself().ok();
    let stat = own.as_ref().and_then(|process| process.stat().ok());
    let started = stat.map_or(0, |stat| stat.starttime);
    format!("{} {} {started}", place(), std::process::id())
}

/// Whether the process that wrote `owner` ran here and is no more. What another machine wrote is none of our business.
pub(super) fn is_gone(owner: &str) -> bool {
    let Some(rest) = owner.strip_prefix(&place()) else {
        return false;
    };
    let mut words = rest.split_whitespace();
    let (Some(Ok(pid)), Some(Ok(started))) = (
        words.next().map(str::parse::<i32>),
        words.next().map(str::parse::<u64>),
    ) else {
        return false;
    };
    let stat = Process::new(pid).and_then(|process| process.stat());
    stat.map_or(true, |stat| stat.starttime != started)
}

/// The boot of this machine and the namespace that process ids are counted in.
fn place() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

/// What a process wrote that had this one's id before it.
#[cfg(test)]
pub(super) fn gone_process() -> String {
    format!("{} {} 1", place(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_owners_that_ran_here_can_be_gone() {
        assert!(!is_gone(&this_process()));
        assert!(is_gone(&gone_process()));
        assert!(!is_gone("another-boot pid:[1] 1 1"));
        assert!(!is_gone(""));
    }
}
