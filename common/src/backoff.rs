//! Waiting between tries: exponential with full jitter.

use std::time::Duration;

/// The shape of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub first: Duration,
    /// Upper bound of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// Returns the wait before try `tries + 1`, for a jitter drawn evenly from 0–1.
    pub fn wait(&self, tries: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << tries.min(16));
        doubled.min(self.cap).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            cap: Duration::from_secs(5),
        };
        let waits: Vec<u64> = (0..5)
            .map(|tries| backoff.wait(tries, 1.0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        assert_eq!(backoff.wait(3, 0.0), Duration::ZERO);
    }
}
