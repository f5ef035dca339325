//! What a worker owes its controller, whatever becomes of the connection. Pure.
//!
//! Every report and every read batch is kept until it is acknowledged, and sent again after each
//! re-attachment; words of a leader older than the newest one heard of are refused.

use std::collections::{BTreeMap, BTreeSet};

use common::ids::Epoch;
use common::task::{AttemptId, ReadBatchCommit, Report};
use proto::worker::v1::attach_request::Message;

/// The highest epoch heard of, and what is not settled yet.
#[derive(Debug, Default)]
pub(crate) struct Session {
    highest: Epoch,
    running: BTreeSet<AttemptId>,
    reports: BTreeMap<AttemptId, Report>,
    read_batches: BTreeMap<(AttemptId, u32), ReadBatchCommit>,
}

/// A leader that was replaced still speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("epoch {} is over: {} was heard of", said.0, highest.0)]
pub(crate) struct Stale {
    said: Epoch,
    highest: Epoch,
}

/// What becomes of an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is new.
    Run,
    /// It runs already.
    Running,
    /// It has ended; its report is sent again.
    Ended(Box<Report>),
}

impl Session {
    /// Takes note of the epoch of a message.
    ///
    /// # Errors
    /// [`Stale`] if a later one was heard of.
    pub fn hear(&mut self, said: Epoch) -> Result<(), Stale> {
        if said < self.highest {
            return Err(Stale {
                said,
                highest: self.highest,
            });
        }
        self.highest = said;
        Ok(())
    }

    /// Returns the highest epoch heard of.
    pub fn epoch(&self) -> Epoch {
        self.highest
    }

    /// Returns the attempts that run, or whose report was not acknowledged.
    pub fn holding(&self) -> Vec<AttemptId> {
        self.running
            .iter()
            .chain(self.reports.keys())
            .cloned()
            .collect()
    }

    /// Returns what was not acknowledged, to be sent after Hello: batches before reports.
    pub fn owed(&self) -> Vec<Message> {
        let batches = self
            .read_batches
            .values()
            .map(|batch| Message::ReadBatch(batch.into()));
        let reports = self
            .reports
            .values()
            .map(|report| Message::Result(report.into()));
        batches.chain(reports).collect()
    }

    /// Says what becomes of an assignment, and holds it if it is new.
    ///
    /// # Errors
    /// [`Stale`] if it comes from a leader that was replaced.
    pub fn admit(&mut self, attempt: &AttemptId, epoch: Epoch) -> Result<Admission, Stale> {
        self.hear(epoch)?;
        if let Some(report) = self.reports.get(attempt) {
            return Ok(Admission::Ended(Box::new(report.clone())));
        }
        if self.running.insert(attempt.clone()) {
            Ok(Admission::Run)
        } else {
            Ok(Admission::Running)
        }
    }

    /// Keeps a read batch until it is acknowledged; returns what to send.
    pub fn wrote(&mut self, batch: ReadBatchCommit) -> Message {
        let message = Message::ReadBatch((&batch).into());
        let key = (batch.attempt.clone(), batch.read_batch.index);
        self.read_batches.insert(key, batch);
        message
    }

    /// Forgets a read batch that was acknowledged.
    pub fn batch_settled(&mut self, attempt: &AttemptId, index: u32) {
        self.read_batches.remove(&(attempt.clone(), index));
    }

    /// Keeps a report until it is acknowledged; returns what to send.
    pub fn ended(&mut self, report: Report) -> Message {
        let message = Message::Result((&report).into());
        self.running.remove(&report.attempt);
        // Who waited for these is gone.
        self.read_batches
            .retain(|(attempt, _), _| *attempt != report.attempt);
        self.reports.insert(report.attempt.clone(), report);
        message
    }

    /// Forgets a report that was acknowledged.
    pub fn report_settled(&mut self, attempt: &AttemptId) {
        self.reports.remove(attempt);
    }

    /// Says whether nothing runs.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Says whether nothing runs and nothing is owed.
    pub fn is_settled(&self) -> bool {
        self.running.is_empty() && self.reports.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use common::ids::{AttemptNumber, Sha256, WorkflowId};
    use common::task::{
        Counters, ObjectRef, Outcome, ReadBatch, ReadSource, SplitCursor, Stage, TaskId,
    };

    use super::*;

    fn attempt(index: u32) -> AttemptId {
        let task = TaskId {
            workflow: WorkflowId::new("w"),
            stage: Stage::Split,
            index,
        };
        AttemptId {
            task,
            number: AttemptNumber(1),
        }
    }

    fn report(index: u32) -> Report {
        Report {
            attempt: attempt(index),
            epoch: Epoch(3),
            counters: Counters::default(),
            outcome: Outcome::HandedBack,
        }
    }

    fn batch(task: u32, index: u32) -> ReadBatchCommit {
        let object = ObjectRef {
            key: "k".into(),
            size_bytes: 1,
            sha256: Sha256([0; 32]),
        };
        let read_batch = ReadBatch {
            lane: task,
            index,
            first_ordinal: 0,
            reads: 2,
            bases: 4,
            paired: true,
            source: ReadSource::Object(object),
        };
        ReadBatchCommit {
            attempt: attempt(task),
            epoch: Epoch(3),
            read_batch,
            cursor: SplitCursor::default(),
        }
    }

    #[test]
    fn an_older_leader_is_refused() {
        let mut session = Session::default();
        session.hear(Epoch(3)).unwrap();
        assert!(session.hear(Epoch(3)).is_ok());
        assert!(session.hear(Epoch(2)).is_err());
        assert!(session.admit(&attempt(0), Epoch(2)).is_err());
        assert!(session.holding().is_empty());
        assert_eq!(session.admit(&attempt(0), Epoch(4)), Ok(Admission::Run));
        assert_eq!(session.epoch(), Epoch(4));
    }

    #[test]
    fn reports_are_owed_until_they_are_acknowledged() {
        let mut session = Session::default();
        session.admit(&attempt(0), Epoch(3)).unwrap();
        session.admit(&attempt(1), Epoch(3)).unwrap();
        let message = session.ended(report(0));
        assert_eq!(session.owed(), [message]);
        assert_eq!(session.holding(), [attempt(1), attempt(0)]);
        session.report_settled(&attempt(0));
        assert!(session.owed().is_empty());
        assert_eq!(session.holding(), [attempt(1)]);
    }

    #[test]
    fn a_repeated_assignment_is_not_run_twice() {
        let mut session = Session::default();
        assert_eq!(session.admit(&attempt(0), Epoch(3)), Ok(Admission::Run));
        assert_eq!(session.admit(&attempt(0), Epoch(3)), Ok(Admission::Running));
        session.ended(report(0));
        let again = session.admit(&attempt(0), Epoch(3)).unwrap();
        assert_eq!(again, Admission::Ended(Box::new(report(0))));
        assert!(session.is_idle());
        assert!(!session.is_settled());
    }

    #[test]
    fn read_batches_are_owed_before_reports_and_die_with_their_attempt() {
        let mut session = Session::default();
        session.admit(&attempt(0), Epoch(3)).unwrap();
        session.admit(&attempt(1), Epoch(3)).unwrap();
        let batches = [batch(0, 0), batch(0, 1), batch(1, 0)].map(|b| session.wrote(b));
        session.batch_settled(&attempt(0), 0);
        assert_eq!(session.owed(), batches[1..]);
        let ended = session.ended(report(0));
        assert_eq!(session.owed(), [batches[2].clone(), ended]);
    }
}
