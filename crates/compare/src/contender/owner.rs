//! Who started a contender: written on it, so that a later run can tell whether it was abandoned.

use procfs::ProcError;
use procfs::process::{Process, Stat};

/// This process, told apart from every other of every machine that shares a Docker engine with this one:
/// boot, process namespace, process id and the time it was started.
pub(super) fn this_process() -> String {
    let stat = Process::myself().and_then(|process| process.stat());
    words_for(std::process::id(), stat.map_or(0, |stat| stat.starttime))
}

fn words_for(pid: u32, started: u64) -> String {
    format!("{} {pid} {started}", place())
}

/// The process that wrote `owner`, if it is of this machine: its id, and when it began.
fn process_in(owner: &str) -> Option<(i32, u64)> {
    let mut words = owner.strip_prefix(&place())?.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    Some((pid, words.next()?.parse().ok()?))
}

/// The id of the process that wrote `owner`, if it runs here.
pub(super) fn running(owner: &str) -> Option<i32> {
    let (pid, started) = process_in(owner)?;
    let stat = Process::new(pid).and_then(|process| process.stat()).ok()?;
    (stat.starttime == started && !has_ended(&stat)).then_some(pid)
}

/// Whether the process that wrote `owner` ran here and is no more. What another machine wrote is none of our business.
pub(super) fn is_gone(owner: &str) -> bool {
    let Some((pid, started)) = process_in(owner) else {
        return false;
    };
    match Process::new(pid).and_then(|process| process.stat()) {
        Ok(stat) => stat.starttime != started || has_ended(&stat),
        Err(ProcError::NotFound(_)) => true,
        // Whom we may not look at, we may not call gone.
        Err(_) => false,
    }
}

/// One that was killed keeps its id until its parent asks for it, which a parent that is killed with it never does.
pub(super) fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X')
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
    words_for(std::process::id(), 1)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    use super::*;

    #[test]
    fn only_owners_that_ran_here_can_be_gone() {
        assert!(!is_gone(&this_process()));
        assert_eq!(
            running(&this_process()),
            i32::try_from(std::process::id()).ok()
        );
        assert_eq!(running(&gone_process()), None);
        assert!(is_gone(&gone_process()));
        assert!(!is_gone("another-boot pid:[1] 1 1"));
        assert!(!is_gone(""));
    }

    #[test]
    fn owner_that_ended_is_gone_before_its_parent_asks_for_it() {
        let mut child = Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let started = Process::new(pid).unwrap().stat().unwrap().starttime;
        let owner = words_for(child.id(), started);
        assert!(!is_gone(&owner));
        drop(child.stdin.take());
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_raw(pid).unwrap()), ended).unwrap();
        assert!(is_gone(&owner));
        child.wait().unwrap();
    }
}
