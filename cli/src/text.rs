//! Words and numbers as people read them.

use proto::v1::{Stage, StageState, Workflow, WorkflowError, WorkflowState};

use crate::json;

/// Returns the word of a state.
pub const fn state(state: WorkflowState) -> &'static str {
    match state {
        WorkflowState::Unspecified => "unknown",
        WorkflowState::Accepted => "accepted",
        WorkflowState::Queued => "queued",
        WorkflowState::Running => "running",
        WorkflowState::Publishing => "publishing",
        WorkflowState::Succeeded => "succeeded",
        WorkflowState::Rejected => "rejected",
        WorkflowState::Failed => "failed",
        WorkflowState::Cancelling => "cancelling",
        WorkflowState::Cancelled => "cancelled",
    }
}

/// Prints a workflow's id and state, or all of it as one JSON object.
pub fn say_state(workflow: &Workflow, as_json: bool) {
    if as_json {
        crate::stdout::say!("{}", json::workflow(workflow));
    } else {
        crate::stdout::say!("{} {}", workflow.workflow_id, state(workflow.state()));
    }
}

/// Says whether a state is final.
pub const fn is_final(state: WorkflowState) -> bool {
    matches!(
        state,
        WorkflowState::Succeeded
            | WorkflowState::Rejected
            | WorkflowState::Failed
            | WorkflowState::Cancelled
    )
}

/// Returns the word of a stage.
pub const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Unspecified => "unknown",
        Stage::Index => "index",
        Stage::Split => "split",
        Stage::Align => "align",
        Stage::Duplicates => "duplicates",
        Stage::Merge => "merge",
        Stage::Recalibrate => "recalibrate",
        Stage::Call => "call",
        Stage::Gather => "gather",
        Stage::Probe => "probe",
    }
}

/// Returns the word of a stage's state.
pub const fn stage_state(state: StageState) -> &'static str {
    match state {
        StageState::Unspecified => "unknown",
        StageState::Waiting => "waiting",
        StageState::Running => "running",
        StageState::Done => "done",
        StageState::Skipped => "skipped",
    }
}

/// Returns an error as one line: file, record, reason.
pub fn error(error: &WorkflowError) -> String {
    let place = match (error.file.as_str(), error.record) {
        ("", _) => String::new(),
        (file, 0) => format!("{}: ", location(file)),
        (file, record) => format!("{}: record {record}: ", location(file)),
    };
    format!("{place}{}", error.message)
}

/// Shows a file under the root of this machine as the path that it is.
pub fn location(text: &str) -> String {
    text.strip_prefix("root:local/")
        .map_or_else(|| text.to_owned(), |path| format!("/{path}"))
}

/// Returns a number with separators: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a duration: `1h 02m 03s`, `2m 03s`, `3.4s`.
pub fn duration(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{:.1}s", time.as_secs_f64()),
        (0, _) => format!("{minutes}m {:02}s", seconds % 60),
        _ => format!("{hours}h {minutes:02}m {:02}s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn durations_show_what_matters() {
        assert_eq!(duration(Duration::from_millis(3_440)), "3.4s");
        assert_eq!(duration(Duration::from_secs(123)), "2m 03s");
        assert_eq!(duration(Duration::from_secs(3723)), "1h 02m 03s");
    }
}
