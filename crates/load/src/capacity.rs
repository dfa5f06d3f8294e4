//! Number of users that fit into the memory of this machine.

use std::fs;

use procfs::{Current, Meminfo};

use crate::error::LoadError;

/// Least memory of a user, in bytes: its task, its connection and the buffers of the connection.
const BYTES_PER_USER: u64 = 8 << 10;

/// Checks that `users` fit into the free memory. If the system does not tell the free memory, any number fits.
///
/// # Errors
/// [`LoadError::TooManyUsers`] with the number of users that fit.
pub fn check_users_fit(users: u32) -> Result<(), LoadError> {
    match most_users() {
        Some(most) if users > most => Err(LoadError::TooManyUsers { users, most }),
        _ => Ok(()),
    }
}

/// Number of users that fit into the free memory; `None` where the system does not tell.
fn most_users() -> Option<u32> {
    let users = free_bytes()? / BYTES_PER_USER;
    Some(u32::try_from(users).unwrap_or(u32::MAX))
}

/// Free memory for this process, in bytes: that of the machine, or of the control group if that is less.
fn free_bytes() -> Option<u64> {
    let of_machine = Meminfo::current().ok()?.mem_available?;
    let number = |file: &str| {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let of_group = number("memory.max")
        .zip(number("memory.current"))
        .map_or(u64::MAX, |(most, used)| most.saturating_sub(used));
    Some(of_machine.min(of_group))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_machine_has_room_for_some_users_and_not_for_any_number() {
        let most = super::most_users().unwrap();
        assert!(most > 100 && most < u32::MAX, "{most}");
    }
}
