//! Other comparisons on this machine, which are neighbours that have a name.

use std::collections::BTreeSet;

use procfs::process::Process;

use crate::contender::family;

/// The name of the program that compares.
const PROGRAM: &str = "bakeoff";
/// Its subcommand for a comparison.
const COMMAND: &str = "compare";

/// The process ids of other comparisons: those that run a contender now, and those whose command line says what they are.
pub(crate) fn others() -> BTreeSet<i32> {
    let own = Process::myself().map_or(0, |own| own.pid);
    let all = procfs::process::all_processes().into_iter().flatten();
    let all = all.flatten().flat_map(|process| {
        let itself = is_comparison(&process).then_some(process.pid);
        itself.into_iter().chain(family::owner_of(&process))
    });
    all.filter(|pid| *pid != own).collect()
}

fn is_comparison(process: &Process) -> bool {
    let Ok(words) = process.cmdline() else {
        return false;
    };
    let mut words = words.iter();
    let program = words.next().and_then(|path| path.rsplit('/').next());
    program == Some(PROGRAM) && words.next().is_some_and(|word| word == COMMAND)
}
