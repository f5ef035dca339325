//! Progress of a workflow: bars by stage on a terminal, plain lines otherwise.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use proto::v1::{Stage, StageState, StageStatus, Workflow, WorkflowState};

use crate::text;

/// Shows the changes of one workflow as they come.
pub struct Progress {
    style: Style,
    /// Why nothing runs, as it was last told.
    waiting: String,
}

enum Style {
    /// Bars on a terminal.
    Bars(Bars),
    /// Lines in a log.
    Lines(Lines),
    /// Nothing.
    Quiet,
}

impl Progress {
    /// Chooses bars on a terminal, lines elsewhere.
    pub fn new() -> Self {
        let style = if std::io::stderr().is_terminal() {
            Style::Bars(Bars {
                bars: MultiProgress::new(),
                stages: BTreeMap::new(),
            })
        } else {
            Style::Lines(Lines::default())
        };
        Self {
            style,
            waiting: String::new(),
        }
    }

    /// Shows nothing.
    pub const fn quiet() -> Self {
        Self {
            style: Style::Quiet,
            waiting: String::new(),
        }
    }

    /// Shows a change.
    pub fn show(&mut self, workflow: &Workflow) {
        self.show_waiting(workflow);
        match &mut self.style {
            Style::Bars(bars) => workflow.stages.iter().for_each(|stage| bars.show(stage)),
            Style::Lines(lines) => lines.show(workflow),
            Style::Quiet => {}
        }
    }

    /// Says why nothing runs, once for each reason.
    fn show_waiting(&mut self, workflow: &Workflow) {
        let runs = workflow.stages.iter().any(|stage| stage.running > 0);
        let reason = if runs {
            ""
        } else {
            workflow.state_reason.as_str()
        };
        if self.waiting == reason {
            return;
        }
        self.waiting = reason.to_owned();
        let line = format!("waiting: {reason}");
        match &self.style {
            _ if reason.is_empty() => {}
            Style::Bars(bars) => bars.line(&line),
            Style::Lines(_) => eprintln!("{line}"),
            Style::Quiet => {}
        }
    }
}

/// One bar a stage.
pub struct Bars {
    bars: MultiProgress,
    stages: BTreeMap<i32, (ProgressBar, Instant)>,
}

impl Bars {
    /// Prints a line above the bars.
    fn line(&self, line: &str) {
        // A terminal that is gone is no reason to end the work.
        self.bars.println(line).ok();
    }

    fn show(&mut self, status: &StageStatus) {
        let started = matches!(status.state(), StageState::Running | StageState::Done);
        if !started || status.stage() == Stage::Unspecified {
            return;
        }
        let (bar, began) = self.stages.entry(status.stage).or_insert_with(|| {
            let style = "{prefix:<12} {bar:30} {pos:>6}/{len:<6} {msg}";
            let style = ProgressStyle::with_template(style).expect("the template is well-formed");
            let bar = self.bars.add(ProgressBar::new(0).with_style(style));
            bar.set_prefix(text::stage(status.stage()));
            (bar, Instant::now())
        });
        bar.set_length(u64::from(status.tasks));
        bar.set_position(u64::from(status.done));
        bar.set_message(rate(status, began.elapsed()));
        if status.state() == StageState::Done && !bar.is_finished() {
            bar.finish();
        }
    }
}

/// Returns reads per second, and the time left where the number of tasks is known.
fn rate(status: &StageStatus, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = match status.reads {
        0 => String::new(),
        reads => format!("{} reads/s", text::grouped((reads as f64 / seconds) as u64)),
    };
    if status.done == 0 || status.done >= status.tasks {
        return rate;
    }
    let left = seconds / f64::from(status.done) * f64::from(status.tasks - status.done);
    format!(
        "{rate}  {} left",
        text::duration(Duration::from_secs_f64(left))
    )
}

/// A line for each stage that starts or ends, and for each state.
#[derive(Default)]
pub struct Lines {
    state: Option<WorkflowState>,
    stages: BTreeMap<i32, StageState>,
}

impl Lines {
    fn show(&mut self, workflow: &Workflow) {
        if self.state != Some(workflow.state()) {
            self.state = Some(workflow.state());
            eprintln!("{} {}", workflow.workflow_id, text::state(workflow.state()));
        }
        for status in &workflow.stages {
            let known = self.stages.insert(status.stage, status.state());
            if known == Some(status.state()) {
                continue;
            }
            let name = text::stage(status.stage());
            match status.state() {
                StageState::Running => eprintln!("{name}: started"),
                StageState::Done => eprintln!(
                    "{name}: done, {} tasks, {} reads, {:.1} CPU seconds",
                    status.done,
                    text::grouped(status.reads),
                    status.cpu_ms as f64 / 1000.0
                ),
                _ => {}
            }
        }
    }
}
