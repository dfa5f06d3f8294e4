//! Limit of open files. Each connection is an open file.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Maximum number of connections of the private listener, for metrics and probes.
pub(super) const PRIVATE_CONNECTIONS: NonZeroU32 = NonZeroU32::new(32).expect("is not zero");

/// Open files for other purposes than public connections: private connections, listeners, files and runtimes.
const RESERVE: u64 = PRIVATE_CONNECTIONS.get() as u64 + 32;

/// Raises the limit of open files, and returns the number of connections that it allows, at most `wanted`. Logs a warning for fewer.
pub(super) fn make_room(wanted: NonZeroU32) -> NonZeroU32 {
    let files = raise_limit();
    let places = within(wanted, files);
    if places < wanted {
        tracing::warn!(
            max_connections = places,
            wanted,
            open_files = files,
            "the limit of open files allows fewer connections than --max-connections; ulimit -n shows the limit"
        );
    }
    places
}

/// Raises the soft limit of open files to the hard limit, and returns it. `None` without a limit.
fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "cannot raise the limit of open files");
            limit.current
        }
    }
}

/// Number of connections that `files` open files allow, at most `wanted` and at least 1.
fn within(wanted: NonZeroU32, files: Option<u64>) -> NonZeroU32 {
    let Some(files) = files else { return wanted };
    let left = u32::try_from(files.saturating_sub(RESERVE)).unwrap_or(u32::MAX);
    NonZeroU32::new(left).map_or(NonZeroU32::MIN, |left| left.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        let check = |files: Option<u64>, expected: u32| {
            let wanted = NonZeroU32::new(2048).unwrap();
            assert_eq!(within(wanted, files).get(), expected, "{files:?}");
        };
        check(None, 2048);
        check(Some(u64::MAX), 2048);
        check(Some(2048 + RESERVE), 2048);
        check(Some(2047 + RESERVE), 2047);
        check(Some(1024), 1024 - 64);
        check(Some(RESERVE), 1);
        check(Some(0), 1);
    }

    #[test]
    fn the_limit_is_raised_to_what_the_system_gives() {
        let raised = raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!((raised, limit.current), (limit.maximum, limit.maximum));
    }
}
