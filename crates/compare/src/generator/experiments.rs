//! Other experiments on this machine, which take processor time from this one.

use std::collections::BTreeSet;

use procfs::process::Process;

use crate::process::tree;

/// Name of the program.
const PROGRAM: &str = "bakeoff";
/// Subcommand that runs an experiment.
const COMMAND: &str = "compare";

/// Process ids of other experiments: owners of a running contender, and processes whose command line is `bakeoff compare`.
pub(crate) fn others() -> BTreeSet<i32> {
    let all = procfs::process::all_processes().into_iter().flatten();
    let all = all.flatten().flat_map(|process| {
        let itself = runs_an_experiment(&process).then_some(process.pid);
        itself.into_iter().chain(tree::owner_of(&process))
    });
    let own = i32::try_from(std::process::id()).expect("Linux has no process ids beyond 2^22");
    all.filter(|pid| *pid != own).collect()
}

fn runs_an_experiment(process: &Process) -> bool {
    let Ok(words) = process.cmdline() else {
        return false;
    };
    let mut words = words.iter();
    let program = words.next().and_then(|path| path.rsplit('/').next());
    program == Some(PROGRAM) && words.next().is_some_and(|word| word == COMMAND)
}
