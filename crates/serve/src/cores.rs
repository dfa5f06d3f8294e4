//! Number of physical cores of the machine.

use std::{collections::HashSet, fs, num::NonZeroUsize, ops::RangeInclusive, thread};

/// Number of physical cores that this process can use, within its CPU affinity and the quota of its control group. Hardware
/// threads of one core count once. 1 if the system does not tell.
pub fn physical_cores() -> NonZeroUsize {
    let usable = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let allowed = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cores = distinct_cores(&allowed, |cpu| {
        fs::read_to_string(format!(
            "/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        ))
        .ok()
    });
    cores.map_or(usable, |cores| cores.min(usable))
}

/// Number of cores of the CPUs that `status`, the text of `/proc/self/status`, allows. `siblings` returns a text that is equal for
/// all CPUs of a core. `None` if `status` has no CPUs, or `siblings` does not know a CPU.
fn distinct_cores(
    status: &str,
    siblings: impl Fn(usize) -> Option<String>,
) -> Option<NonZeroUsize> {
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = HashSet::new();
    for range in list.trim().split(',') {
        for cpu in cpu_range(range)? {
            cores.insert(siblings(cpu)?);
        }
    }
    NonZeroUsize::new(cores.len())
}

/// CPUs in a text such as `3` or `0-7`.
fn cpu_range(text: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Siblings on a machine with four cores of two hardware threads, with Linux's CPU numbers.
    fn siblings(cpu: usize) -> Option<String> {
        (cpu < 8).then(|| format!("{},{}\n", cpu % 4, cpu % 4 + 4))
    }

    fn check(allowed: &str, expected: Option<usize>) {
        let status = format!(
            "Name:\tbakeoff\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\nMems_allowed:\t1\n"
        );
        assert_eq!(
            distinct_cores(&status, siblings).map(NonZeroUsize::get),
            expected,
            "{allowed}"
        );
    }

    #[test]
    fn hardware_threads_of_a_core_count_once() {
        check("0-7", Some(4));
        check("0,4", Some(1));
        check("0-1,4", Some(2));
        check("2", Some(1));
    }

    #[test]
    fn unknown_topology_gives_no_count() {
        check("0-63", None);
        check("", None);
        check("0-x", None);
        assert_eq!(distinct_cores("", siblings), None);
    }

    #[test]
    fn cores_stay_within_what_the_process_may_use() {
        assert!(physical_cores() <= thread::available_parallelism().unwrap());
    }
}
