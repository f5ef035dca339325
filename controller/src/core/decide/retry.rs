//! Whether and when a failed attempt is followed by another: by the class of failure alone.

use std::time::Duration;

use common::backoff::Backoff;
use common::failure::{Failure, FailureClass};

use super::super::event::Now;
use super::super::state::Trouble;

/// What a class allows.
struct Policy {
    /// The last of so many failures is not followed by another attempt.
    max_failures: u32,
    /// The wait before the next attempt; `None`: none.
    backoff: Option<Backoff>,
}

const fn seconds(first: u64, cap: u64) -> Option<Backoff> {
    Some(Backoff {
        first: Duration::from_secs(first),
        cap: Duration::from_secs(cap),
    })
}

/// Attempts that were taken away, not failed: these classes share one count.
const TAKEN_AWAY: [FailureClass; 3] = [
    FailureClass::WorkerLost,
    FailureClass::Preempted,
    FailureClass::Cancelled,
];

/// Returns when the next attempt may start after this failure; `None`: there is none.
pub(super) fn next(trouble: Option<&Trouble>, failure: &Failure, now: Now) -> Option<u64> {
    let count = |class| trouble.map_or(0, |trouble| trouble.count(class));
    let before: u32 = if TAKEN_AWAY.contains(&failure.class) {
        TAKEN_AWAY.into_iter().map(count).sum()
    } else {
        count(failure.class)
    };
    after(before, failure.class, now)
}

/// Says whether a failure of this class may be followed by another try at all.
pub(super) fn is_tried_again(class: FailureClass) -> bool {
    policy(class).max_failures > 1
}

/// Returns when the next try may start after `before` earlier failures of the class and this one.
pub(super) fn after(before: u32, class: FailureClass, now: Now) -> Option<u64> {
    let policy = policy(class);
    if before + 1 >= policy.max_failures {
        return None;
    }
    let wait = policy.backoff.map(|shape| shape.wait(before, now.jitter));
    let wait_ms = wait.unwrap_or_default().as_millis() as u64;
    Some(now.at_ms.saturating_add(wait_ms))
}

fn policy(class: FailureClass) -> Policy {
    let (max_failures, backoff) = match class {
        FailureClass::InputInvalid | FailureClass::Nondeterminism => (1, None),
        FailureClass::CredentialsExpired => (u32::MAX, seconds(60, 900)),
        FailureClass::StorageTransient => (8, seconds(1, 120)),
        FailureClass::WorkerLost | FailureClass::Preempted | FailureClass::Cancelled => (20, None),
        FailureClass::OutOfResources => (3, None),
        // Bounded by the rounds of the stage that makes it again.
        FailureClass::IntermediateLost => (u32::MAX, seconds(1, 120)),
        FailureClass::Internal => (3, seconds(5, 120)),
    };
    Policy {
        max_failures,
        backoff,
    }
}
