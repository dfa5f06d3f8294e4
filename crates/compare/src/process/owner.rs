//! Owner of a process or container: the Bakeoff process that started it, in a text that a later run can check.

use std::io;

use procfs::ProcError;
use procfs::process::{Process, Stat};

/// Identity of this process: boot, process namespace, process id and start time. It differs from that of every other
/// process on every machine that shares a Docker engine with this one.
///
/// # Errors
/// `/proc` cannot be read.
pub(crate) fn this_process() -> io::Result<String> {
    let stat = Process::myself().and_then(|process| process.stat());
    let stat = stat.map_err(io::Error::other)?;
    identity(std::process::id(), stat.starttime)
}

fn identity(pid: u32, started: u64) -> io::Result<String> {
    Ok(format!("{} {pid} {started}", place()?))
}

/// Process id and start time in the identity `owner`; `None` unless it is certainly of this machine.
fn process_in(owner: &str) -> Option<(i32, u64)> {
    let mut words = owner.strip_prefix(&place().ok()?)?.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    Some((pid, words.next()?.parse().ok()?))
}

/// Process id of `owner`; `None` unless it runs on this machine.
pub(crate) fn running(owner: &str) -> Option<i32> {
    let (pid, started) = process_in(owner)?;
    let stat = Process::new(pid).and_then(|process| process.stat()).ok()?;
    (stat.starttime == started && !has_ended(&stat)).then_some(pid)
}

/// `true` if `owner` ran on this machine and has ended. `false` for a process of another machine.
pub(crate) fn is_gone(owner: &str) -> bool {
    let Some((pid, started)) = process_in(owner) else {
        return false;
    };
    match Process::new(pid).and_then(|process| process.stat()) {
        Ok(stat) => stat.starttime != started || has_ended(&stat),
        Err(ProcError::NotFound(_)) => true,
        // A process that this one may not look at may be running.
        Err(_) => false,
    }
}

/// `true` for a process that has ended and that its parent has not waited for yet. A parent that was killed never does.
pub(crate) fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X')
}

/// The boot of this machine and the process namespace of this process.
fn place() -> io::Result<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let namespace = std::fs::read_link("/proc/self/ns/pid")?;
    Ok(format!("{} {}", boot.trim(), namespace.display()))
}

/// Identity of an ended process that had the process id of this one.
#[cfg(test)]
pub(crate) fn gone_process() -> String {
    identity(std::process::id(), 1).expect("tests run where /proc is mounted")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    use super::*;

    #[test]
    fn only_owners_that_ran_here_can_be_gone() {
        assert!(!is_gone(&this_process().unwrap()));
        assert_eq!(
            running(&this_process().unwrap()),
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
        let owner = identity(child.id(), started).unwrap();
        assert!(!is_gone(&owner));
        drop(child.stdin.take());
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_raw(pid).unwrap()), ended).unwrap();
        assert!(is_gone(&owner));
        child.wait().unwrap();
    }
}
