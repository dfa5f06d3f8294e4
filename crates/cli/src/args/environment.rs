//! Environment variables that set flags: variables to ignore, and the variables that caused an error.

use std::env;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, Error};

/// Returns `command` without the variables to ignore: empty ones, and those that Kubernetes sets for a service. For a service called
/// `bakeoff`, Kubernetes sets `BAKEOFF_PORT`, the name of our own variable.
pub(crate) fn without_ignored_variables(command: Command) -> Command {
    without_ignored(command, &|name| env::var_os(name))
}

/// Names of the variables that caused `error`: those of the arguments in it, except arguments whose flag is on the command line.
pub(crate) fn named_by(error: &Error, command: &Command) -> Vec<String> {
    let given: Vec<OsString> = env::args_os().skip(1).collect();
    let named: Vec<&str> = [ContextKind::InvalidArg, ContextKind::PriorArg]
        .into_iter()
        .filter_map(|kind| error.get(kind))
        .flat_map(|value| match value {
            ContextValue::String(name) => vec![name.as_str()],
            ContextValue::Strings(names) => names.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        })
        .collect();
    // Two commands may have a flag of the same name with different variables.
    let mut subcommands = given
        .iter()
        .filter_map(|given| command.find_subcommand(given));
    let command = subcommands.next().unwrap_or(command);
    let mut variables: Vec<String> = all_arguments(command)
        .filter(|arg| named.iter().any(|name| is_name_of(name, arg)) && !is_given(arg, &given))
        .filter_map(|arg| {
            let name = arg.get_env()?;
            env::var_os(name).filter(|value| !is_ignored(name, value))?;
            Some(name.to_string_lossy().into_owned())
        })
        .collect();
    variables.sort();
    variables.dedup();
    variables
}

fn without_ignored(command: Command, variable: &dyn Fn(&OsStr) -> Option<OsString>) -> Command {
    let has_ignored = |arg: &Arg| {
        let name = arg.get_env();
        name.is_some_and(|name| variable(name).is_some_and(|value| is_ignored(name, &value)))
    };
    command
        .mut_args(|arg| {
            if has_ignored(&arg) {
                arg.env(None::<&str>)
            } else {
                arg
            }
        })
        .mut_subcommands(|command| without_ignored(command, variable))
}

fn is_ignored(name: &OsStr, value: &OsStr) -> bool {
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    let of_kubernetes = ["tcp://", "udp://", "sctp://"];
    value.is_empty()
        || (name.ends_with("_PORT") && of_kubernetes.iter().any(|scheme| value.starts_with(scheme)))
}

fn all_arguments(command: &Command) -> Box<dyn Iterator<Item = &Arg> + '_> {
    let inner = command.get_subcommands().flat_map(all_arguments);
    Box::new(command.get_arguments().chain(inner))
}

/// `true` if `name` is the name of the argument in errors, such as `--port <PORT>`, or `[FILE]` for one without a flag.
fn is_name_of(name: &str, arg: &Arg) -> bool {
    if let Some(long) = arg.get_long() {
        let flag = name.split([' ', '=', '[']).next().unwrap_or_default();
        return flag.strip_prefix("--") == Some(long);
    }
    let bare = name.trim_matches(['[', ']', '<', '>', '.']);
    let mut names = arg.get_value_names().into_iter().flatten();
    names.any(|name| name.as_str() == bare)
}

/// `true` if the flag is on the command line.
fn is_given(arg: &Arg, given: &[OsString]) -> bool {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    given.iter().any(|given| {
        let given = given.to_string_lossy();
        let is_long = long.as_deref().is_some_and(|long| {
            let rest = given.strip_prefix(long);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
        is_long
            || short
                .as_deref()
                .is_some_and(|short| given.starts_with(short))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn empty_variables_and_those_of_kubernetes_are_ignored() {
        let read = |name: &str, value: &str| is_ignored(name.as_ref(), value.as_ref());
        assert!(read("BAKEOFF_PORT", "tcp://10.0.171.239:8000"));
        assert!(read("LOCUST_WEB_PORT", "udp://10.0.171.239:8089"));
        assert!(read("BAKEOFF_MODEL", ""));
        assert!(!read("BAKEOFF_PORT", "8000"));
        assert!(!read("BAKEOFF_PORT", "http://127.0.0.1:8000"));
        assert!(!read("LOCUST_HOST", "tcp://127.0.0.1"));
    }

    #[test]
    fn ignored_variables_are_removed_from_every_command() {
        let set = |name: &OsStr| (name == "BAKEOFF_THREADS").then(OsString::new);
        let command = without_ignored(Cli::command(), &set);
        let left = all_arguments(&command).filter_map(Arg::get_env);
        let left: Vec<&OsStr> = left.collect();
        assert!(!left.contains(&OsStr::new("BAKEOFF_THREADS")));
        assert!(left.contains(&OsStr::new("BAKEOFF_PORT")));
    }
}
