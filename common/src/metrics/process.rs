//! What the process takes of its machine, under the names that Prometheus' own clients use.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Ticks of a second, as Linux tells them on every machine that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes the metrics of this process; those that the system does not tell are left out.
pub(super) fn write(text: &mut String) {
    let mut add = |name: &str, kind: &str, help: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!(
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
            ));
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let stat = Stat::parse(&stat);
    let cpu = stat
        .as_ref()
        .map(|s| format!("{:.2}", s.cpu_ticks as f64 / TICKS_PER_SECOND));
    let threads = stat.as_ref().map(|s| s.threads.to_string());
    let started = stat.as_ref().and_then(|s| started_at(s.start_ticks));
    let (name, help) = ("process_cpu_seconds_total", "Processor time, in seconds.");
    add(name, "counter", help, cpu);
    let (name, help) = ("process_resident_memory_bytes", "Resident memory.");
    add(name, "gauge", help, resident_bytes());
    let (name, help) = ("process_threads", "Threads of the process.");
    add(name, "gauge", help, threads);
    let (name, help) = (
        "process_start_time_seconds",
        "Start since 1970, in seconds.",
    );
    add(name, "gauge", help, started);
    let (name, help) = ("process_open_fds", "Open files and sockets.");
    add(name, "gauge", help, open_files());
    let (name, help) = ("process_max_fds", "Files and sockets that may be open.");
    add(name, "gauge", help, most_files());
}

/// Fields of `/proc/self/stat` (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name, in brackets, may hold anything; the fields after it count from 3.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
        })
    }
}

fn started_at(start_ticks: u64) -> Option<String> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let age = uptime - start_ticks as f64 / TICKS_PER_SECOND;
    Some(format!("{:.2}", now.as_secs_f64() - age))
}

fn resident_bytes() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some((kib << 10).to_string())
}

fn open_files() -> Option<String> {
    // One of them is the listing.
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(open.saturating_sub(1).to_string())
}

fn most_files() -> Option<String> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    let soft = line.split_ascii_whitespace().nth(3)?;
    soft.parse::<u64>().ok().map(|most| most.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let fields: Vec<String> = (3..=52).map(|number| number.to_string()).collect();
        let text = format!("7 (a) b) {}", fields.join(" "));
        let stat = Stat::parse(&text).unwrap();
        assert_eq!(stat.cpu_ticks, 14 + 15);
        assert_eq!((stat.threads, stat.start_ticks), (20, 22));
        assert_eq!(Stat::parse("7 (a"), None);
    }

    #[test]
    fn this_process_has_memory_and_files() {
        let mut text = String::new();
        write(&mut text);
        for name in [
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_max_fds ",
        ] {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            assert!(line[name.len()..].parse::<u64>().unwrap() > 0, "{line}");
        }
    }
}
