//! Which cores the load generator and the contenders run on, so that neither takes the other's time.

use bakeoff_record::CoreSplit;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Deserialize;

/// Cores from which on there are enough to give the generator some of its own.
const ENOUGH: usize = 4;

/// What an experiment file wants of cores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoreWish {
    /// Cores of their own where there are at least four.
    #[default]
    Auto,
    /// All share all.
    Shared,
    /// Cores of their own wherever there are two.
    Split,
}

/// Who may use which cores.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    generator: Vec<usize>,
    contenders: Vec<usize>,
}

impl Cores {
    /// How the cores of this process are split; `None` where they are shared.
    pub(crate) fn of(wish: CoreWish) -> Option<Self> {
        Self::split(&allowed()?, wish)
    }

    /// The generator gets the first quarter, at least one core; contenders get the rest.
    fn split(allowed: &[usize], wish: CoreWish) -> Option<Self> {
        let enough = match wish {
            CoreWish::Auto => ENOUGH,
            CoreWish::Split => 2,
            CoreWish::Shared => return None,
        };
        if allowed.len() < enough {
            return None;
        }
        let (generator, contenders) = allowed.split_at((allowed.len() / 4).max(1));
        Some(Self {
            generator: generator.to_vec(),
            contenders: contenders.to_vec(),
        })
    }

    /// The cores as the report says it.
    pub(crate) fn in_words(&self) -> CoreSplit {
        CoreSplit {
            generator: list(&self.generator),
            contenders: list(&self.contenders),
        }
    }

    /// Those of the contenders, as `2-3,5`.
    pub(crate) fn of_contenders(&self) -> String {
        list(&self.contenders)
    }

    /// Keeps this thread, and what it starts, on the generator's cores until the guard is dropped.
    pub(crate) fn as_generator(&self) -> Pinned {
        Pinned::to(&self.generator)
    }

    /// Keeps this thread, and what it starts, on the contenders' cores until the guard is dropped.
    pub(crate) fn as_contender(&self) -> Pinned {
        Pinned::to(&self.contenders)
    }
}

/// A thread that is kept on some cores; what it starts inherits them.
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
        // Where that is not allowed, everything runs everywhere, which costs accuracy and breaks nothing.
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

/// The cores that this process may use.
fn allowed() -> Option<Vec<usize>> {
    let set = sched_getaffinity(None).ok()?;
    Some(
        (0..CpuSet::MAX_CPU)
            .filter(|core| set.is_set(*core))
            .collect(),
    )
}

/// Cores in the form of the kernel's lists.
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
    fn cores_are_split_where_there_are_enough() {
        let words = |cores: &[usize], wish| {
            let split = Cores::split(cores, wish)?.in_words();
            Some((split.generator, split.contenders))
        };
        let expected =
            |generator: &str, contenders: &str| Some((generator.to_owned(), contenders.to_owned()));
        assert_eq!(words(&[0, 1], CoreWish::Auto), None);
        assert_eq!(words(&[0, 1], CoreWish::Split), expected("0", "1"));
        assert_eq!(words(&[0], CoreWish::Split), None);
        assert_eq!(words(&[0, 1, 2, 3], CoreWish::Auto), expected("0", "1-3"));
        assert_eq!(words(&[0, 1, 2, 3], CoreWish::Shared), None);
        let scattered: Vec<usize> = (0..16).step_by(2).collect();
        assert_eq!(
            words(&scattered, CoreWish::Auto),
            expected("0,2", "4,6,8,10,12,14")
        );
        let many: Vec<usize> = (0..64).collect();
        assert_eq!(words(&many, CoreWish::Auto), expected("0-15", "16-63"));
    }

    #[test]
    fn what_a_pinned_thread_starts_inherits_its_cores() {
        let cores = allowed().unwrap();
        let Some(split) = Cores::split(&cores, CoreWish::Split) else {
            return;
        };
        let pinned = split.as_contender();
        let seen = std::thread::spawn(allowed).join().unwrap();
        assert_eq!(seen, Some(split.contenders.clone()));
        drop(pinned);
        assert_eq!(allowed(), Some(cores));
    }
}
