//! How passing faults are met: waits that double, with full jitter, and what the server asks for.

use std::time::Duration;

use common::backoff::Backoff;

use crate::{Error, metrics};

/// The longest wait that a server may ask for.
const ASKED_CAP: Duration = Duration::from_secs(120);

/// How passing faults are met: the default outlasts the restart of a controller.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Waits between tries.
    pub backoff: Backoff,
    /// Tries without a byte of progress.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(5),
        };
        Self { backoff, tries: 8 }
    }
}

impl Patience {
    /// Waits after a number of tries; with the fault when it is not passing, or they are used up.
    pub(crate) async fn outlast(&self, tries: u32, fault: Error) -> Result<(), Error> {
        self.outlast_asked(tries, fault, None).await
    }

    /// As [`Self::outlast`], but never sooner than the server asks for.
    pub(crate) async fn outlast_asked(
        &self,
        tries: u32,
        fault: Error,
        asked: Option<Duration>,
    ) -> Result<(), Error> {
        if !fault.is_retryable() || tries >= self.tries {
            return Err(fault);
        }
        metrics::retried();
        let drawn = self.backoff.wait(tries - 1, rand::random());
        let asked = asked.unwrap_or_default().min(ASKED_CAP);
        tokio::time::sleep(asked + drawn).await;
        Ok(())
    }
}
