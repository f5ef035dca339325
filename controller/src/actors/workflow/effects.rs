//! What a workflow lets out once the facts behind it are durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::ids::WorkerId;
use common::task::{Assignment, AttemptId, ReadBatchCommit};
use tokio::sync::oneshot;

use super::observed::Told;
use super::{Snapshot, State};
use crate::actors::worker::ToWorker;
use crate::core::duty::Duty;
use crate::core::view::{self, Status};

/// What waits for durability.
pub(super) enum Effect {
    /// Messages to a worker.
    Post(WorkerId, Vec<ToWorker>),
    /// A client waits for this view.
    Answer(oneshot::Sender<Arc<Snapshot>>, Arc<Snapshot>),
    /// Something for the controller itself to do.
    Start(Duty),
    /// An attempt failed that wrote under this prefix.
    Garbage(String),
    /// Something for operators to know.
    Tell(Vec<Told>),
    /// It is over.
    End(Arc<Snapshot>),
}

impl Effect {
    pub(super) fn assign(worker: WorkerId, assignment: Assignment) -> Self {
        Self::Post(worker, vec![ToWorker::Assignment(Box::new(assignment))])
    }
}

/// Makes the answer to a report.
pub(super) fn acknowledge(attempt: &AttemptId, accepted: bool) -> ToWorker {
    ToWorker::Ack {
        attempt: attempt.clone(),
        accepted,
    }
}

/// Makes the answer to a read batch.
pub(super) fn acknowledge_batch(commit: &ReadBatchCommit, accepted: bool) -> ToWorker {
    ToWorker::ReadBatchAck {
        attempt: commit.attempt.clone(),
        index: commit.read_batch.index,
        accepted,
    }
}

impl State {
    /// Facts are durable up to this number.
    pub(super) fn durable(&mut self, sequence: u64) {
        self.moment.send_modify(|moment| moment.revision = sequence);
        self.release();
    }

    /// Lets out all effects whose facts are durable, in order.
    pub(super) fn release(&mut self) {
        let durable = self.moment.borrow().revision;
        let mut posts: BTreeMap<WorkerId, Vec<ToWorker>> = BTreeMap::new();
        while self
            .pending
            .front()
            .is_some_and(|(sequence, _)| *sequence <= durable)
        {
            let (_, effects) = self.pending.pop_front().expect("there is a front");
            for effect in effects {
                match effect {
                    Effect::Post(worker, messages) => {
                        posts.entry(worker).or_default().extend(messages);
                    }
                    Effect::Answer(reply, snapshot) => {
                        let _ = reply.send(snapshot);
                    }
                    Effect::Start(Duty::EndAttempt {
                        task,
                        attempt,
                        worker,
                    }) => {
                        let attempt = self.state.attempt_id(task, attempt);
                        posts
                            .entry(worker)
                            .or_default()
                            .push(ToWorker::Cancel(attempt));
                    }
                    Effect::Start(duty) => self.start_duty(duty),
                    Effect::Garbage(prefix) => self.peers.get().collector.attempt(prefix),
                    Effect::Tell(told) => told.into_iter().for_each(Told::out),
                    Effect::End(last) => self.end(last),
                }
            }
        }
        if !posts.is_empty() {
            self.peers.get().workers.send(posts.into_iter().collect());
        }
        self.tell_status();
    }

    /// Returns what a client sees, with the work of running attempts.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::of(&self.state);
        snapshot.work = self.moment.borrow().work;
        let seen = &mut snapshot.view;
        for ((task, _), (reads, bases)) in &self.progress {
            let stage = seen
                .stages
                .iter_mut()
                .find(|stage| stage.stage == task.stage);
            if let Some(stage) = stage {
                stage.reads += reads;
                stage.bases += bases;
            }
        }
        if seen.reason.is_empty() && matches!(seen.status, Status::Queued | Status::Running) {
            seen.reason.clone_from(&self.waiting);
        }
        snapshot
    }

    /// Tells watchers of the work of running attempts, a while after its first news.
    pub(super) fn show_work_later(&mut self) {
        if !self.work_is_new {
            self.work_is_new = true;
            self.myself.show_work_later();
        }
    }

    /// Tells watchers of the work of running attempts.
    pub(super) fn show_work(&mut self) {
        self.work_is_new = false;
        self.moment.send_modify(|moment| moment.work += 1);
    }

    fn start_duty(&self, duty: Duty) {
        let handles = self.peers.get();
        match duty {
            Duty::Validate => {
                let whose = (self.state.workflow.clone(), self.state.tenant.clone());
                let spec = self.state.spec.clone();
                handles.queue.validate(whose, spec, self.myself.clone());
            }
            duty => {
                let done = self.myself.clone();
                handles
                    .services
                    .start(duty, &self.state, move |duty, event| {
                        done.duty_done(duty, Some(event));
                    });
            }
        }
    }

    fn end(&mut self, last: Arc<Snapshot>) {
        let workflow = self.state.workflow.clone();
        let handles = self.peers.get();
        handles.queue.ended(workflow.clone());
        handles.collector.workflow(workflow.clone());
        handles.workflows.ended(workflow, last);
        self.archive();
        self.ended = true;
    }

    fn tell_status(&mut self) {
        let status = view::status(&self.state);
        if self.told_status != Some(status) && !self.ended {
            self.told_status = Some(status);
            let workflow = self.state.workflow.clone();
            self.peers.get().workflows.status(workflow, status);
        }
    }
}
