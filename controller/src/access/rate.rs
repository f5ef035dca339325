//! Calls a second of each caller: a token bucket.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::wire::status::refusal;
use serde::Deserialize;
use tonic::{Code, Status};

use super::{Principal, Role};

/// How many callers are remembered; those that have been away longest are forgotten.
const CALLERS: usize = 10_000;

/// Bounds of the calls of one caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls a second in the long run.
    pub requests_per_second: NonZeroU32,
    /// Calls at once after a pause.
    pub burst: NonZeroU32,
}

/// What each caller has left. Workers have streams and are not bounded here.
#[derive(Debug)]
pub struct Rates {
    rate: Option<Rate>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// Makes full buckets; `None`: nobody is bounded.
    pub fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            buckets: Mutex::default(),
        }
    }

    /// Takes one call.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` with the time to wait.
    pub fn take(&self, principal: &Principal) -> Result<(), Status> {
        self.take_at(principal, Instant::now())
    }

    fn take_at(&self, principal: &Principal, now: Instant) -> Result<(), Status> {
        let Some(rate) = self.rate.filter(|_| principal.role != Role::Worker) else {
            return Ok(());
        };
        let (per_second, burst) = (
            f64::from(rate.requests_per_second.get()),
            f64::from(rate.burst.get()),
        );
        let mut buckets = self
            .buckets
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if buckets.len() >= CALLERS && !buckets.contains_key(&principal.subject) {
            forget_full(&mut buckets, now, per_second, burst);
        }
        let bucket = buckets.entry(principal.subject.clone()).or_insert(Bucket {
            left: burst,
            at: now,
        });
        let grown = now.saturating_duration_since(bucket.at).as_secs_f64() * per_second;
        bucket.left = (bucket.left + grown).min(burst);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - bucket.left) / per_second);
        let message = format!("more than {} calls a second", rate.requests_per_second);
        Err(refusal(
            Code::ResourceExhausted,
            "RATE",
            &message,
            Some(wait),
        ))
    }
}

/// A bucket that is full again holds nothing worth to remember.
fn forget_full(buckets: &mut HashMap<String, Bucket>, now: Instant, per_second: f64, burst: f64) {
    buckets.retain(|_, bucket| {
        let grown = now.saturating_duration_since(bucket.at).as_secs_f64() * per_second;
        bucket.left + grown < burst
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(subject: &str, role: Role) -> Principal {
        Principal {
            subject: subject.to_owned(),
            tenant: None,
            role,
        }
    }

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let rate = Rate {
            requests_per_second: NonZeroU32::new(10).unwrap(),
            burst: NonZeroU32::new(3).unwrap(),
        };
        let rates = Rates::new(Some(rate));
        let (start, caller) = (Instant::now(), principal("a", Role::Reader));
        let taken = (0..5)
            .filter(|_| rates.take_at(&caller, start).is_ok())
            .count();
        assert_eq!(taken, 3);
        assert!(rates.take_at(&principal("b", Role::Reader), start).is_ok());
        let later = start + Duration::from_millis(100);
        assert!(rates.take_at(&caller, later).is_ok());
        let refused = rates.take_at(&caller, later).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let worker = principal("w", Role::Worker);
        assert!((0..100).all(|_| rates.take_at(&worker, start).is_ok()));
    }
}
