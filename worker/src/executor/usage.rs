//! What an attempt used.
//!
//! A child process counts all its CPU time. In process, the time of the attempt's own pool counts:
//! stages run there, and other attempts run on other pools; what the runtime does for them is not
//! counted, and the peak memory is that of the whole process.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::ClockId;

/// Returns the CPU time of a pool's threads since it was made.
pub(super) fn of_pool(pool: &rayon::ThreadPool) -> Duration {
    let of_thread = |_: rayon::BroadcastContext<'_>| {
        let time = ClockId::CLOCK_THREAD_CPUTIME_ID.now();
        time.map_or(Duration::ZERO, Duration::from)
    };
    pool.broadcast(of_thread).into_iter().sum()
}

/// Returns the CPU time of this process.
pub(super) fn of_process() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Lets the largest resident memory be measured from now on: a process that runs several tasks tells of each
/// its own. Where the system does not let it, it is that of all of them.
pub(super) fn forget_peak() {
    let _not_allowed = fs::write("/proc/self/clear_refs", "5");
}

/// Returns the largest resident memory of this process.
pub(super) fn peak_memory_bytes() -> u64 {
    of_status("VmHWM:").unwrap_or(0)
}

/// Returns the anonymous resident memory of this process: without mapped files.
pub(super) fn anonymous_memory_bytes() -> Option<u64> {
    of_status("RssAnon:")
}

/// Returns a line of what the system says of this process.
fn of_status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_pool_is_that_of_its_threads() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let before = of_pool(&pool);
        let spun =
            pool.install(|| (0..20_000_000u64).fold(0, |sum, i| sum ^ i.wrapping_mul(sum | 1)));
        assert!(spun != 1);
        assert!(of_pool(&pool) > before);
        assert!(of_process() >= of_pool(&pool));
    }

    #[test]
    fn memory_is_known_on_this_system() {
        assert!(peak_memory_bytes() > 1 << 20);
        assert!(anonymous_memory_bytes().unwrap() > 0);
    }
}
