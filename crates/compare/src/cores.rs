//! Cores of the load generator and of the contenders, so that neither takes processor time of the other.

use bakeoff_record::CoreSplit;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Deserialize;

/// Fewest cores that `auto` splits.
const FEWEST_SPLIT: usize = 4;

/// Allocation of cores in an experiment file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoreAllocation {
    /// Split if there are at least four cores, and shared otherwise.
    #[default]
    Auto,
    /// The load generator and the contenders share all cores.
    Shared,
    /// Split if there are at least two cores.
    Split,
}

/// Cores of the load generator and of the contenders.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    generator: Vec<usize>,
    contenders: Vec<usize>,
}

impl Cores {
    /// Split of the cores of this process; `None` if they are shared.
    pub(crate) fn of(allocation: CoreAllocation) -> Option<Self> {
        Self::split(&allowed()?, allocation)
    }

    /// The load generator gets the first quarter of the cores, at least one. The contenders get the rest.
    fn split(allowed: &[usize], allocation: CoreAllocation) -> Option<Self> {
        let fewest = match allocation {
            CoreAllocation::Auto => FEWEST_SPLIT,
            CoreAllocation::Split => 2,
            CoreAllocation::Shared => return None,
        };
        if allowed.len() < fewest {
            return None;
        }
        let (generator, contenders) = allowed.split_at((allowed.len() / 4).max(1));
        Some(Self {
            generator: generator.to_vec(),
            contenders: contenders.to_vec(),
        })
    }

    /// Both lists of cores for the record.
    pub(crate) fn in_words(&self) -> CoreSplit {
        CoreSplit {
            generator: list(&self.generator),
            contenders: list(&self.contenders),
        }
    }

    /// Cores of the contenders, such as `2-3,5`.
    pub(crate) fn of_contenders(&self) -> String {
        list(&self.contenders)
    }

    /// Pins this thread to the cores of the load generator until the guard is dropped. Threads and processes that it starts
    /// inherit the cores.
    pub(crate) fn as_generator(&self) -> Pinned {
        Pinned::to(&self.generator)
    }

    /// Pins this thread to the cores of the contenders until the guard is dropped. Threads and processes that it starts
    /// inherit the cores.
    pub(crate) fn as_contender(&self) -> Pinned {
        Pinned::to(&self.contenders)
    }
}

/// Guard of a pinned thread. Its `Drop` restores the cores of before.
#[derive(Debug)]
pub(crate) struct Pinned {
    before: Option<CpuSet>,
}

impl Pinned {
    fn to(cores: &[usize]) -> Self {
        let before = sched_getaffinity(None).ok();
        let mut set = CpuSet::new();
        for core in cores {
            set.set(*core);
        }
        // Where the system forbids it, all cores stay shared, which costs accuracy and breaks nothing.
        let _ = sched_setaffinity(None, &set);
        Self { before }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(None, before);
        }
    }
}

/// Cores that this process may use.
fn allowed() -> Option<Vec<usize>> {
    let set = sched_getaffinity(None).ok()?;
    Some(
        (0..CpuSet::MAX_CPU)
            .filter(|core| set.is_set(*core))
            .collect(),
    )
}

/// Cores as a list of the kernel, such as `0-2,5`.
fn list(cores: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for core in cores {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *core => *last = *core,
            _ => parts.push((*core, *core)),
        }
    }
    let parts = parts.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_split_if_there_are_enough() {
        let words = |cores: &[usize], allocation| {
            let split = Cores::split(cores, allocation)?.in_words();
            Some((split.generator, split.contenders))
        };
        let expected =
            |generator: &str, contenders: &str| Some((generator.to_owned(), contenders.to_owned()));
        assert_eq!(words(&[0, 1], CoreAllocation::Auto), None);
        assert_eq!(words(&[0, 1], CoreAllocation::Split), expected("0", "1"));
        assert_eq!(words(&[0], CoreAllocation::Split), None);
        assert_eq!(
            words(&[0, 1, 2, 3], CoreAllocation::Auto),
            expected("0", "1-3")
        );
        assert_eq!(words(&[0, 1, 2, 3], CoreAllocation::Shared), None);
        let scattered: Vec<usize> = (0..16).step_by(2).collect();
        assert_eq!(
            words(&scattered, CoreAllocation::Auto),
            expected("0,2", "4,6,8,10,12,14")
        );
        let many: Vec<usize> = (0..64).collect();
        assert_eq!(
            words(&many, CoreAllocation::Auto),
            expected("0-15", "16-63")
        );
    }

    #[test]
    fn threads_inherit_the_cores_of_a_pinned_thread() {
        let cores = allowed().unwrap();
        let Some(split) = Cores::split(&cores, CoreAllocation::Split) else {
            return;
        };
        let pinned = split.as_contender();
        let seen = std::thread::spawn(allowed).join().unwrap();
        assert_eq!(seen, Some(split.contenders.clone()));
        drop(pinned);
        assert_eq!(allowed(), Some(cores));
    }
}
