//! The end of a worker: first nothing new, then what runs is handed back, then it is gone.

use std::time::Duration;

use tokio::time::Instant;

/// How long the controller may take to acknowledge the last reports.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// How far the end has come.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// The controller asked: the worker stays, idle.
    commanded: bool,
    /// The process was asked to end.
    asked: bool,
    told: bool,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    /// No end in sight.
    #[default]
    Open,
    /// Tasks may go on until then.
    Grace(Instant),
    /// Tasks were cancelled.
    Ending,
    /// Tasks have ended; the last reports wait for their acknowledgement until then.
    Settling(Instant),
    Over,
}

impl Drain {
    /// Takes the controller's word to take no more.
    pub fn command(&mut self) {
        self.commanded = true;
    }

    /// Begins the end of the process.
    pub fn ask(&mut self, grace: Duration) {
        self.asked = true;
        self.phase = Phase::Grace(Instant::now() + grace);
    }

    pub fn was_asked(&self) -> bool {
        self.asked
    }

    pub fn is_draining(&self) -> bool {
        self.asked || self.commanded
    }

    /// Says whether the controller is to be told now that nothing more is taken: once.
    pub fn tell(&mut self) -> bool {
        self.is_draining() && !std::mem::replace(&mut self.told, true)
    }

    /// Says whether the controller was told that nothing more is taken.
    pub fn is_told(&self) -> bool {
        self.told
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Waits for the time at which the next phase begins by itself.
    pub fn deadline(&self) -> impl Future<Output = ()> + use<> {
        let at = match self.phase {
            Phase::Grace(at) | Phase::Settling(at) => Some(at),
            Phase::Open | Phase::Ending | Phase::Over => None,
        };
        async move {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Begins the phase after the one whose time is over.
    pub fn pass_deadline(&mut self) {
        self.phase = match self.phase {
            Phase::Grace(_) => Phase::Ending,
            Phase::Settling(_) => Phase::Over,
            phase @ (Phase::Open | Phase::Ending | Phase::Over) => phase,
        };
    }

    /// Goes on as far as it can.
    pub fn go_on(&mut self, is_idle: bool, is_settled: bool) {
        if !is_idle {
            return;
        }
        if matches!(self.phase, Phase::Grace(_) | Phase::Ending) {
            self.phase = Phase::Settling(Instant::now() + SETTLE_WITHIN);
        }
        if is_settled && matches!(self.phase, Phase::Settling(_)) {
            self.phase = Phase::Over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commanded_worker_stays_when_it_is_idle() {
        let mut drain = Drain::default();
        drain.command();
        assert!(drain.is_draining());
        assert!(drain.tell(), "the controller is told at once");
        assert!(!drain.tell(), "and only once");
        drain.go_on(true, true);
        assert!(!drain.is_over());
    }

    #[tokio::test]
    async fn a_worker_that_was_asked_to_end_waits_for_tasks_then_for_acknowledgements() {
        let mut drain = Drain::default();
        drain.ask(Duration::from_secs(100));
        drain.go_on(false, false);
        drain.pass_deadline();
        drain.go_on(false, false);
        assert!(!drain.is_over(), "cancelled tasks take their time");
        drain.go_on(true, false);
        assert!(!drain.is_over(), "a report is not acknowledged yet");
        drain.go_on(true, true);
        assert!(drain.is_over());
    }

    #[tokio::test]
    async fn a_controller_that_is_away_does_not_hold_up_the_end() {
        let mut drain = Drain::default();
        drain.ask(Duration::ZERO);
        drain.deadline().await;
        drain.pass_deadline();
        drain.go_on(true, false);
        drain.pass_deadline();
        assert!(drain.is_over());
    }
}
