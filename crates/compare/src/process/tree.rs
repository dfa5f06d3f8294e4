//! Tree of processes: a started process and its descendants.
//!
//! A descendant is found by its parent, by a mark in its environment, or, if it has lost both, as an orphan that this
//! process has adopted.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use procfs::process::{Process, Stat};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper,
    waitpid,
};

use crate::process::owner;

/// Environment variable that marks every process of a tree.
const MARK: &str = "BAKEOFF_CONTENDER";
/// Longest wait for the end of a tree after SIGTERM, and again after SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// Time between two looks at a tree that is ending.
const POLL: Duration = Duration::from_millis(10);

/// `true` if this process adopts the orphans of its trees (as their subreaper).
static ADOPTS: AtomicBool = AtomicBool::new(false);
/// Number of the next tree.
static NEXT: AtomicU64 = AtomicU64::new(0);
static STARTED: Mutex<Started> = Mutex::new(Started {
    children: Vec::new(),
    trees: Vec::new(),
});

/// Processes that this process has started and whose end it has not seen. Its other children are adopted orphans.
struct Started {
    children: Vec<i32>,
    trees: Vec<Beginning>,
}

/// Number of a tree, and start time of its first process in ticks since the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beginning {
    number: u64,
    ticks: u64,
}

fn started() -> MutexGuard<'static, Started> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the parent of the orphans of its trees, so that an orphan with a cleared environment is found.
pub(crate) fn adopt_orphans() {
    if set_child_subreaper(Some(getpid())).is_ok() {
        ADOPTS.store(true, Ordering::Relaxed);
    }
}

/// A started process and its descendants. Its `Drop` ends them all: SIGTERM, and SIGKILL after [`GRACE`].
#[derive(Debug)]
pub(crate) struct ProcessTree {
    child: Child,
    ended: Option<ExitStatus>,
    mark: String,
    beginning: Beginning,
}

impl ProcessTree {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    /// The program cannot be started, or `/proc` cannot be read.
    pub(crate) fn start(mut command: Command) -> std::io::Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{} {number}", owner::this_process()?);
        command.env(MARK, &mark).process_group(0);
        // Locked until the new process is listed, so that no other thread takes it for an adopted one.
        let mut started = started();
        let child = command.spawn()?;
        let pid = pid_of(&child);
        let stat = Process::new(pid).and_then(|process| process.stat());
        // A process that is gone already has left no orphan: no start time is later than this.
        let ticks = stat.map_or(u64::MAX, |stat| stat.starttime);
        let beginning = Beginning { number, ticks };
        started.children.push(pid);
        started.trees.push(beginning);
        drop(started);
        Ok(Self {
            child,
            ended: None,
            mark,
            beginning,
        })
    }

    /// Exit status of the first process; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            let mut started = started();
            self.ended = self.child.try_wait().ok().flatten();
            if self.ended.is_some() {
                // The kernel may give its id to another process from now on.
                let pid = self.first();
                started.children.retain(|child| *child != pid);
            }
        }
        self.ended
    }

    fn first(&self) -> i32 {
        pid_of(&self.child)
    }

    /// Running processes of the tree: the first one, its descendants, marked processes, and adopted orphans.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let all = procfs::process::all_processes().into_iter().flatten();
        let all = all.flatten().filter_map(|process| {
            let stat = process.stat().ok()?;
            Some((process, stat))
        });
        let mut all: Vec<(Process, Stat)> = all.collect();
        // An ended process consumes nothing, and its descendants have been adopted.
        all.retain(|(process, stat)| !owner::has_ended(stat) || !reap(process, stat));
        let marked = all.iter().filter(|(process, stat)| {
            mark_of(process).map_or_else(|| self.adopted(process, stat), |mark| mark == self.mark)
        });
        let mut members: HashSet<i32> = marked.map(|(process, _)| process.pid).collect();
        // After the end of the first process, its id may belong to another process.
        if self.ended.is_none() {
            members.insert(self.first());
        }
        loop {
            let before = members.len();
            for (process, stat) in &all {
                if members.contains(&stat.ppid) {
                    members.insert(process.pid);
                }
            }
            if members.len() == before {
                break;
            }
        }
        all.into_iter()
            .map(|(process, _)| process)
            .filter(|process| members.contains(&process.pid))
            .collect()
    }

    /// `true` for an adopted orphan without a mark that belongs to this tree: the youngest tree that is older than the orphan.
    fn adopted(&self, process: &Process, stat: &Stat) -> bool {
        if !ADOPTS.load(Ordering::Relaxed) || stat.ppid != own_id() {
            return false;
        }
        let started = started();
        if started.children.contains(&process.pid) {
            return false;
        }
        let older = started.trees.iter();
        let older = older.filter(|tree| tree.ticks <= stat.starttime);
        older.max_by_key(|tree| (tree.ticks, tree.number)) == Some(&self.beginning)
    }

    /// Sends `signal` to the process group of the first process and to every other process of the tree.
    fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(self.first()).filter(|_| self.ended.is_none());
        if let Some(group) = group {
            let _ = kill_process_group(group, signal);
        }
        for process in self.processes() {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _ = kill_process(pid, signal);
            }
        }
    }

    /// Waits for the end of all processes. `false` if one is left after `limit`.
    pub(crate) fn gone_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let child_ended = self.ended().is_some();
            if child_ended && self.processes().is_empty() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends all processes with SIGKILL.
    pub(crate) fn kill(&mut self) {
        // Twice, for a process that was started between the listing and the signal.
        for _ in 0..2 {
            self.signal(Signal::KILL);
            if self.gone_within(GRACE) {
                return;
            }
        }
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if !(self.ended().is_some() && self.processes().is_empty()) {
            self.signal(Signal::TERM);
            if !self.gone_within(GRACE) {
                self.kill();
            }
        }
        let beginning = self.beginning;
        started().trees.retain(|tree| *tree != beginning);
    }
}

fn pid_of(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("Linux has no process ids beyond 2^22")
}

fn own_id() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// Waits for an adopted process that has ended, so that the kernel removes it. `false` for any other process.
fn reap(process: &Process, stat: &Stat) -> bool {
    if !ADOPTS.load(Ordering::Relaxed) || stat.ppid != own_id() {
        return false;
    }
    // Locked until the end, so that a child that is being started is not taken for an adopted one.
    let started = started();
    let is_adopted = !started.children.contains(&process.pid);
    is_adopted
        && Pid::from_raw(process.pid)
            .is_some_and(|pid| matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_))))
}

/// Mark of a process: its owner and the number of its tree. A process that was started a moment ago may not show it yet,
/// since the kernel returns from the start before the environment is in place.
fn mark_of(process: &Process) -> Option<String> {
    let mark = process.environ().ok()?.remove(OsStr::new(MARK))?;
    mark.into_string().ok()
}

/// Process id of the owner of the tree of `process`; `None` without a tree, or if the owner has ended.
pub(crate) fn owner_of(process: &Process) -> Option<i32> {
    mark_of(process).and_then(|mark| owner::running(&mark))
}

/// Ends the processes that killed runs of Bakeoff have left. Spared are this process, its ancestors, and processes with the
/// mark of this process: its shell may have been started by a contender and outlived it.
pub(crate) fn end_abandoned() {
    let spared = own_line();
    let own_mark = std::env::var(MARK).ok();
    // Twice, for a process that was started between the listing and the signal.
    for _ in 0..2 {
        let all = procfs::process::all_processes().into_iter().flatten();
        for process in all.flatten() {
            let Some(mark) = mark_of(&process) else {
                continue;
            };
            let is_spared = spared.contains(&process.pid) || own_mark.as_ref() == Some(&mark);
            if !is_spared
                && owner::is_gone(&mark)
                && let Some(pid) = Pid::from_raw(process.pid)
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Process ids of this process and its ancestors.
fn own_line() -> HashSet<i32> {
    let mut line = HashSet::new();
    let mut next = Some(own_id());
    while let Some(pid) = next.filter(|pid| *pid > 0 && line.insert(*pid)) {
        let stat = Process::new(pid).and_then(|process| process.stat());
        next = stat.ok().map(|stat| stat.ppid);
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;

    use super::*;

    /// A process of `owner` that has answered, so that its environment shows. It ends with its input.
    fn marked(owner: &str) -> Child {
        let mut child = Command::new("cat")
            .env(MARK, format!("{owner} 8000"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_ref().unwrap(), "there").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "there\n");
        child
    }

    #[test]
    fn only_processes_of_owners_that_are_gone_are_ended() {
        let mut abandoned = marked(&owner::gone_process());
        let mut owned = marked(&owner::this_process().unwrap());
        end_abandoned();
        // `wait` closes the input first, so that a process that was not killed ends with status 0.
        assert_eq!(abandoned.wait().unwrap().signal(), Some(9));
        assert_eq!(owned.wait().unwrap().code(), Some(0));
    }

    #[test]
    fn own_line_leads_to_the_first_process() {
        let line = own_line();
        assert!(line.contains(&own_id()) && line.len() > 1, "{line:?}");
    }
}
