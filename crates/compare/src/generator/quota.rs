//! Processor time that the control group of this process allows.

use std::path::{Path, PathBuf};

use procfs::process::Process;

/// Folder of the mounted control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Processor time in cores, such as 0.1; `None` without a limit.
pub(super) fn cores() -> Option<f64> {
    let groups = Process::myself().and_then(|own| own.cgroups()).ok()?;
    let limits = groups.into_iter().flat_map(|group| {
        let is_unified = group.controllers.iter().all(String::is_empty);
        let of_cpu = group
            .controllers
            .iter()
            .any(|controller| controller == "cpu");
        let mounts: &[&str] = match (is_unified, of_cpu) {
            (true, _) => &["", "unified"],
            (false, true) => &["cpu", "cpu,cpuacct"],
            (false, false) => &[],
        };
        // In a container, the folder of the group itself is mounted, whatever its path is.
        let places = mounts.iter().flat_map(|mount| {
            let mount = Path::new(ROOT).join(mount);
            let inside = mount.join(group.pathname.trim_start_matches('/'));
            inside
                .ancestors()
                .take_while(|folder| folder.starts_with(&mount))
                .map(Path::to_owned)
                .collect::<Vec<PathBuf>>()
        });
        places
            .filter_map(|folder| limit(&folder))
            .collect::<Vec<_>>()
    });
    limits.reduce(f64::min)
}

/// Limit in the folder of a group, by version 2 or 1 of control groups.
fn limit(folder: &Path) -> Option<f64> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    if let Some(max) = read("cpu.max") {
        return share(max.split_whitespace());
    }
    let (quota, period) = (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?);
    share([quota.trim(), period.trim()].into_iter())
}

/// A quota over its period; `None` for "max" and −1, which mean no limit.
fn share<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<f64> {
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_state_their_limit() {
        let folder = tempfile::TempDir::new().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(limit(folder.path()), None);
        write("cpu.cfs_period_us", "100000\n");
        write("cpu.cfs_quota_us", "-1\n");
        assert_eq!(limit(folder.path()), None);
        write("cpu.cfs_quota_us", "10000\n");
        assert_eq!(limit(folder.path()), Some(0.1));
        write("cpu.max", "max 100000\n");
        assert_eq!(limit(folder.path()), None);
        write("cpu.max", "150000 100000\n");
        assert_eq!(limit(folder.path()), Some(1.5));
    }
}
