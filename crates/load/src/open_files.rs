//! What the system gives the process that makes a load: open files and local ports.

use std::sync::OnceLock;

use bakeoff_record::Side;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Workload;

/// Files that are left for other purposes than connections: the page and its visitors, reports, the history, the runtimes.
const RESERVE: u64 = 64;

/// The system lets a process open fewer files than a load takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "up to {connections} connections are wanted and the limit of open files is {limit}; those beyond it will fail"
)]
pub struct TooFewOpenFiles {
    /// Connections that the load takes at once.
    pub connections: u32,
    /// Files that the process may have open.
    pub limit: u64,
}

impl TooFewOpenFiles {
    /// The limit that would do.
    pub fn enough(&self) -> u64 {
        u64::from(self.connections) + RESERVE
    }
}

/// Raises the soft limit of open files of this process as far as the hard one allows, and says whether that will do for `workload`.
pub fn make_room(workload: &Workload) -> Result<(), TooFewOpenFiles> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Some systems refuse what they say they allow. Then it stays as it is.
    let _ = setrlimit(Resource::Nofile, raised);
    let connections = workload.most_connections();
    match open_files_limit() {
        Some(limit) if limit < u64::from(connections) + RESERVE => {
            Err(TooFewOpenFiles { connections, limit })
        }
        _ => Ok(()),
    }
}

/// Side that `cause` lies on: the generator's for want of files or ports.
pub(crate) fn side_of(cause: &str) -> Side {
    if cause == exhausted() || cause == no_local_port() {
        Side::Generator
    } else {
        Side::Server
    }
}

/// Cause of a connection that could not be opened for want of files.
pub(crate) fn exhausted() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let limit = open_files_limit().map_or_else(String::new, |limit| format!(" (limit {limit})"));
        format!(
            "too many open files{limit} on the machine that makes the load; raise it with `ulimit -n`, or use fewer users"
        )
    })
}

/// Cause of a connection that could not be opened for want of ports.
pub(crate) fn no_local_port() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let range = range.ok().and_then(|range| {
            let (first, last) = range.trim().split_once(char::is_whitespace)?;
            Some(format!(" of {first} to {}", last.trim()))
        });
        format!(
            "no local port{} left on the machine that makes the load; let the server keep connections alive, \
             use fewer users, or widen net.ipv4.ip_local_port_range",
            range.unwrap_or_default()
        )
    })
}

/// `None` without any.
fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn the_limit_is_raised_and_what_is_missing_is_said() {
        let users = |users| Workload::Users {
            users: NonZeroU32::new(users).unwrap(),
            spawn_rate: 1.0,
        };
        assert_eq!(make_room(&users(1)), Ok(()));
        let Some(limit) = getrlimit(Resource::Nofile).maximum else {
            return;
        };
        assert_eq!(open_files_limit(), Some(limit));
        let Ok(connections) = u32::try_from(limit) else {
            return;
        };
        let too_few = TooFewOpenFiles { connections, limit };
        assert_eq!(make_room(&users(connections)), Err(too_few));
        assert_eq!(too_few.enough(), limit + RESERVE);
    }

    #[test]
    fn a_remedy_is_named_for_what_ran_out() {
        assert!(exhausted().contains("ulimit -n"));
        for own in [exhausted(), no_local_port()] {
            assert_eq!(side_of(own), Side::Generator);
        }
        assert_eq!(side_of("connection refused"), Side::Server);
        let ports = no_local_port();
        assert!(ports.contains("let the server keep connections alive"));
        if cfg!(target_os = "linux") {
            assert!(ports.starts_with("no local port of "), "{ports}");
        }
    }
}
