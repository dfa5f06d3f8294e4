//! A process that was started for a contender, with everything that it started in turn, however that came to be: by parents,
//! by a mark in the environment, and, of what has lost both, by whom this process had to adopt.

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

use super::owner;

/// Marks every process of a family, whoever its parent is by now.
pub(super) const MARK: &str = "BAKEOFF_CONTENDER";
/// Time that a family has to end after SIGTERM, and again after SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// `true` if this process is the subreaper of its families' orphans.
static ADOPTS: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(0);
static STARTED: Mutex<Started> = Mutex::new(Started {
    children: Vec::new(),
    families: Vec::new(),
});

/// Processes that this one has started and whose end it has not seen. Its other children are adopted orphans.
struct Started {
    children: Vec<i32>,
    families: Vec<Beginning>,
}

/// A family's number and when its first process began, in ticks since the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beginning {
    number: u64,
    ticks: u64,
}

fn started() -> MutexGuard<'static, Started> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this process the parent of whatever its families leave behind, so that what has cleared its environment is found.
pub(crate) fn adopt_orphans() {
    if set_child_subreaper(Some(getpid())).is_ok() {
        ADOPTS.store(true, Ordering::Relaxed);
    }
}

/// A started process and all of its descendants. Dropping it ends them, whatever it takes.
#[derive(Debug)]
pub(crate) struct Family {
    child: Child,
    ended: Option<ExitStatus>,
    mark: String,
    beginning: Beginning,
}

impl Family {
    /// Starts `command` in a process group of its own.
    pub(crate) fn start(mut command: Command) -> std::io::Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{} {number}", owner::this_process());
        command.env(MARK, &mark).process_group(0);
        // Nobody may take the new process for an adopted one before it is written down.
        let mut started = started();
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).unwrap_or(0);
        let stat = Process::new(pid).and_then(|process| process.stat());
        let ticks = stat.map_or(u64::MAX, |stat| stat.starttime);
        let beginning = Beginning { number, ticks };
        started.children.push(pid);
        started.families.push(beginning);
        drop(started);
        Ok(Self {
            child,
            ended: None,
            mark,
            beginning,
        })
    }

    /// Exit status of its first process; `None` while that runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            let mut started = started();
            self.ended = self.child.try_wait().ok().flatten();
            if self.ended.is_some() {
                // Its id may be another's from now on.
                let pid = self.first();
                started.children.retain(|child| *child != pid);
            }
        }
        self.ended
    }

    fn first(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    /// Its running processes: the first one, the descendants, those with its mark, and its adopted orphans.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let all = procfs::process::all_processes().into_iter().flatten();
        let all = all.flatten().filter_map(|process| {
            let stat = process.stat().ok()?;
            Some((process, stat))
        });
        let mut all: Vec<(Process, Stat)> = all.collect();
        // One that has ended does nothing any more, but its descendants have been adopted by then.
        all.retain(|(process, stat)| !owner::has_ended(stat) || !reap(process, stat));
        let marked = all.iter().filter(|(process, stat)| {
            mark_of(process).map_or_else(|| self.adopted(process, stat), |mark| mark == self.mark)
        });
        let mut members: HashSet<i32> = marked.map(|(process, _)| process.pid).collect();
        // The process id of one that has ended and was waited for may be another's by now.
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

    /// `true` for a process without a mark that this one had to adopt, and that belongs here by the time that it began: of
    /// those who were there before it, this family is the youngest.
    fn adopted(&self, process: &Process, stat: &Stat) -> bool {
        if !ADOPTS.load(Ordering::Relaxed) || stat.ppid != own_id() {
            return false;
        }
        let started = started();
        if started.children.contains(&process.pid) {
            return false;
        }
        let older = started.families.iter();
        let older = older.filter(|family| family.ticks <= stat.starttime);
        older.max_by_key(|family| (family.ticks, family.number)) == Some(&self.beginning)
    }

    /// Sends `signal` to the first process's group and to every process that has left the group.
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

    /// Waits until no process is left, at most for `patience`.
    pub(crate) fn gone_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
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

    /// Ends it without asking first.
    pub(crate) fn kill(&mut self) {
        // Again for what was started between the look and the kill.
        for _ in 0..2 {
            self.signal(Signal::KILL);
            if self.gone_within(GRACE) {
                return;
            }
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if !(self.ended().is_some() && self.processes().is_empty()) {
            self.signal(Signal::TERM);
            if !self.gone_within(GRACE) {
                self.kill();
            }
        }
        let beginning = self.beginning;
        started().families.retain(|family| *family != beginning);
    }
}

fn own_id() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// Frees an adopted process that has ended from the list of processes, which nobody else can. `false` if it is not one.
fn reap(process: &Process, stat: &Stat) -> bool {
    if !ADOPTS.load(Ordering::Relaxed) || stat.ppid != own_id() {
        return false;
    }
    // Held until it is done, so that it is no child that is being started.
    let started = started();
    let is_adopted = !started.children.contains(&process.pid);
    is_adopted
        && Pid::from_raw(process.pid)
            .is_some_and(|pid| matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_))))
}

/// The mark of a process: who started it, and the family that it belongs to.
/// A process shows its environment a moment after it was started: the system returns from the start before it is in place.
fn mark_of(process: &Process) -> Option<String> {
    let mark = process.environ().ok()?.remove(OsStr::new(MARK))?;
    mark.into_string().ok()
}

/// The id of the process that started the family of `process`, if it has one and runs still.
pub(crate) fn owner_of(process: &Process) -> Option<i32> {
    mark_of(process).and_then(|mark| owner::running(&mark))
}

/// Ends the processes of earlier runs that were killed before they could. Never this process, nor those that it was started
/// by, nor those that carry the same mark as this one: a shell may have been started by a contender, and outlived it.
pub(super) fn end_abandoned() {
    let spared = own_line();
    let own_mark = std::env::var(MARK).ok();
    // Again for what was started between the look and the kill.
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

/// This process and those that it was started by.
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

    /// A process of `owner` that shows its environment, since it has answered, and ends with its input.
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
        let mut owned = marked(&owner::this_process());
        end_abandoned();
        // Waiting closes the input first, with which one that was overlooked ends by itself.
        assert_eq!(abandoned.wait().unwrap().signal(), Some(9));
        assert_eq!(owned.wait().unwrap().code(), Some(0));
    }

    #[test]
    fn own_line_leads_to_the_first_process() {
        let line = own_line();
        assert!(line.contains(&own_id()) && line.len() > 1, "{line:?}");
    }
}
