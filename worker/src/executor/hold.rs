//! Switches for fault tests: they hold tasks of a stage, so that something can happen to it there.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use common::failure::{Failure, FailureClass};
use common::task::AttemptId;
use genome::monitor::Monitor;

/// `STAGE:FILE`: the first task of the stage that removes the file waits until it is cancelled.
const SWITCH: &str = "SPINDLE_TEST_HOLD";

/// `FOLDER`: tasks wait while the folder holds a file `STAGE` or `WORKFLOW.STAGE`.
const GATES: &str = "SPINDLE_TEST_GATES";

const LOOK: Duration = Duration::from_millis(20);

/// Holds the attempt if a switch asks for it.
///
/// # Errors
/// [`FailureClass::Cancelled`] once a held attempt is cancelled.
pub(super) fn hold(attempt: &AttemptId, monitor: &Monitor) -> Result<(), Failure> {
    if let Ok(folder) = std::env::var(GATES) {
        let stage = attempt.task.stage.name();
        let gates = [
            stage.to_owned(),
            format!("{}.{stage}", attempt.task.workflow),
        ];
        let gates = gates.map(|gate| Path::new(&folder).join(gate));
        wait_while(attempt, monitor, || gates.iter().any(|gate| gate.exists()))?;
    }
    match std::env::var(SWITCH) {
        Ok(switch) if takes(&switch, attempt) => wait_while(attempt, monitor, || true),
        _ => Ok(()),
    }
}

/// Says whether this attempt is the one to hold. Removing a file is atomic: one is.
fn takes(switch: &str, attempt: &AttemptId) -> bool {
    switch.split_once(':').is_some_and(|(stage, token)| {
        stage == attempt.task.stage.name() && std::fs::remove_file(token).is_ok()
    })
}

fn wait_while(
    attempt: &AttemptId,
    monitor: &Monitor,
    held: impl Fn() -> bool,
) -> Result<(), Failure> {
    if held() {
        // In one piece: other tasks write into the same stream.
        let line = format!("held {attempt}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    while held() {
        if monitor.is_cancelled() {
            let message = "cancelled while held";
            return Err(Failure::new(FailureClass::Cancelled, message));
        }
        std::thread::park_timeout(LOOK);
    }
    Ok(())
}
