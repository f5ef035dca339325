//! A switch for fault tests: holds a task of one stage, so that its worker can be killed there.

use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::task::AttemptId;
use genome::monitor::Monitor;

/// `STAGE:FILE`: the first task of the stage that removes the file waits until it is cancelled.
const SWITCH: &str = "SPINDLE_TEST_HOLD";

/// Holds the attempt if the switch asks for it. Removing a file is atomic: one task is held.
///
/// # Errors
/// [`FailureClass::Cancelled`] once a held attempt is cancelled.
pub(super) fn hold(attempt: &AttemptId, monitor: &Monitor) -> Result<(), Failure> {
    const LOOK: Duration = Duration::from_millis(20);
    let Ok(switch) = std::env::var(SWITCH) else {
        return Ok(());
    };
    let Some((stage, token)) = switch.split_once(':') else {
        return Ok(());
    };
    if stage != attempt.task.stage.name() || std::fs::remove_file(token).is_err() {
        return Ok(());
    }
    eprintln!("held {attempt}");
    while !monitor.is_cancelled() {
        std::thread::park_timeout(LOOK);
    }
    Err(Failure::new(
        FailureClass::Cancelled,
        "cancelled while held",
    ))
}
