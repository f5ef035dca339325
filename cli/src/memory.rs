//! How much memory this process may take.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Returns what is free on this machine, or what the control groups of this process allow if that
/// is less; `None` where the system does not tell.
pub fn available_bytes() -> Option<u64> {
    let free = free_bytes(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups)
        .into_iter()
        .filter_map(|path| limit(&path));
    Some(limits.fold(free, u64::min))
}

/// Finds what is free, or would be once caches are dropped, in the text of `/proc/meminfo`.
fn free_bytes(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Returns the files that may hold a limit, for the text of `/proc/self/cgroup`: those of each
/// group and of the groups around it, in version 2 and in version 1.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (mount, file) = match controllers {
            "" => (PathBuf::from(GROUPS), "memory.max"),
            "memory" => (Path::new(GROUPS).join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        let group = Path::new(group.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| mount.join(group).join(file)));
    }
    files
}

/// Reads a limit; `None` if there is none.
fn limit(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read_in_kilobytes() {
        let text = "MemTotal:       10 kB\nMemAvailable:   7 kB\n";
        assert_eq!(free_bytes(text), Some(7168));
        assert_eq!(free_bytes("MemTotal: 10 kB\n"), None);
    }

    #[test]
    fn a_group_is_limited_by_those_around_it() {
        let files = limit_files("0::/a/b\n");
        let expected = ["a/b/memory.max", "a/memory.max", "memory.max"];
        assert_eq!(files, expected.map(|file| Path::new(GROUPS).join(file)));
        let files = limit_files("5:cpu,cpuacct:/x\n4:memory:/\n");
        let expected = Path::new(GROUPS).join("memory/memory.limit_in_bytes");
        assert_eq!(files, [expected]);
    }

    #[test]
    fn a_limit_is_a_number_or_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "1024\n").unwrap();
        assert_eq!(limit(file.path()), Some(1024));
        fs::write(file.path(), "max\n").unwrap();
        assert_eq!(limit(file.path()), None);
    }
}
