//! One genome on its way: the shell of the pure core.
//!
//! Facts are applied at once, sent to the store, and their effects (assignments, acknowledgements,
//! answers, duties) are let out in order when the store says that they are durable.

mod effects;
mod observed;
mod progress;
mod requests;
mod snapshots;
mod workers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use common::failure::FailureClass;
use common::ids::{AttemptNumber, BatchId, TenantId, WorkerId, WorkflowId};
use common::s3_login::Sealed;
use common::task::{AttemptId, ReadBatchCommit, Report};
use common::workflow::WorkflowSpec;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{oneshot, watch};

use super::worker::ToWorker;
use super::{NoAnswer, Peers, answer};
use crate::core::duty::Duty;
use crate::core::event::Event;
use crate::core::state::{TaskKey, WorkflowState};
use crate::core::view::{self, Status, WorkflowView};
use effects::Effect;
use observed::Observed;
use snapshots::Snapshots;

/// How often watchers are told of work that no fact tells of, at most.
const SHOW_WORK_EVERY: Duration = Duration::from_millis(500);

/// What a worker says about an attempt.
#[derive(Debug)]
pub enum Said {
    /// How it ended.
    Report(Report),
    /// `split` wrote a read batch.
    ReadBatch(ReadBatchCommit),
    /// How far it is.
    Progress {
        /// The attempt.
        attempt: AttemptId,
        /// Reads so far.
        reads: u64,
        /// Bases so far.
        bases: u64,
    },
}

/// What watchers of a workflow wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Number of the last durable fact.
    pub revision: u64,
    /// How often watchers were told of the work of running attempts.
    pub work: u64,
}

/// What a client may know of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Which one.
    pub workflow: WorkflowId,
    /// The submission that it came with.
    pub batch: BatchId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What was asked for.
    pub spec: Arc<WorkflowSpec>,
    /// How far it is.
    pub view: WorkflowView,
    /// How often watchers were told of the work of running attempts.
    pub work: u64,
}

impl Snapshot {
    /// Takes the view of a state.
    pub fn of(state: &WorkflowState) -> Self {
        Self {
            workflow: state.workflow.clone(),
            batch: state.batch.clone(),
            tenant: state.tenant.clone(),
            spec: state.spec.clone(),
            view: view::view(state),
            work: 0,
        }
    }

    /// Returns what a watcher has seen with this.
    pub fn moment(&self) -> Moment {
        Moment {
            revision: self.view.revision,
            work: self.work,
        }
    }
}

/// What a workflow may be told.
enum Message {
    /// The scheduler placed tasks.
    Placed(Vec<(TaskKey, WorkerId)>),
    /// A worker said something.
    Said { worker: WorkerId, said: Vec<Said> },
    /// A worker attached and holds these attempts of this workflow.
    Attached {
        worker: WorkerId,
        holding: Vec<AttemptId>,
    },
    /// A worker is gone.
    WorkerGone {
        worker: WorkerId,
        class: FailureClass,
    },
    /// A duty ended.
    DutyDone { duty: Duty, event: Box<Event> },
    /// A deadline passed.
    Wake,
    /// Facts up to this number are durable.
    Durable(u64),
    /// A snapshot counts, or could not be written.
    SnapshotDone,
    /// Time to show watchers the work of running attempts.
    ShowWork,
    /// Why nothing is placed, as the scheduler knows it.
    Waiting(String),
    /// The client asks to stop.
    Cancel {
        reply: oneshot::Sender<Arc<Snapshot>>,
    },
    /// The client gives a new login to S3.
    RenewLogin {
        login: Sealed,
        reply: oneshot::Sender<Arc<Snapshot>>,
    },
    /// What does a client see?
    View {
        reply: oneshot::Sender<Arc<Snapshot>>,
    },
    /// Whoever wants to know of changes.
    Watch {
        reply: oneshot::Sender<watch::Receiver<Moment>>,
    },
}

/// The way to one workflow.
#[derive(Debug, Clone)]
pub struct Handle(ActorRef<Message>);

impl Handle {
    /// Starts the actor of a workflow that the store holds.
    pub async fn start(
        state: WorkflowState,
        peers: Peers,
        supervisor: ractor::ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let arguments = (state, peers);
        let (actor, _) = Actor::spawn_linked(None, Workflow, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Hands on what the scheduler placed.
    pub fn placed(&self, placements: Vec<(TaskKey, WorkerId)>) {
        let _ = self.0.cast(Message::Placed(placements));
    }

    /// Hands on what a worker said.
    pub fn said(&self, worker: WorkerId, said: Vec<Said>) {
        let _ = self.0.cast(Message::Said { worker, said });
    }

    /// Tells that a worker attached, and which attempts of this workflow it holds.
    pub fn attached(&self, worker: WorkerId, holding: Vec<AttemptId>) {
        let _ = self.0.cast(Message::Attached { worker, holding });
    }

    /// Tells that a worker is gone with all its attempts.
    pub fn worker_gone(&self, worker: WorkerId, class: FailureClass) {
        let _ = self.0.cast(Message::WorkerGone { worker, class });
    }

    /// Tells that a duty ended, with what follows from it.
    pub fn duty_done(&self, duty: Duty, event: Option<Event>) {
        let event = Box::new(event.unwrap_or(Event::TimePassed));
        let _ = self.0.cast(Message::DutyDone { duty, event });
    }

    /// Tells that a deadline passed.
    pub fn wake(&self) {
        let _ = self.0.cast(Message::Wake);
    }

    /// Tells that facts are durable, up to this number.
    pub fn durable(&self, sequence: u64) {
        let _ = self.0.cast(Message::Durable(sequence));
    }

    fn snapshot_done(&self) {
        let _ = self.0.cast(Message::SnapshotDone);
    }

    fn show_work_later(&self) {
        self.0.send_after(SHOW_WORK_EVERY, || Message::ShowWork);
    }

    /// Tells why nothing is placed; empty when something is.
    pub fn waiting(&self, reason: String) {
        let _ = self.0.cast(Message::Waiting(reason));
    }

    /// Asks to stop; answers when that is durable.
    ///
    /// # Errors
    /// [`NoAnswer`] if the workflow just ended, or the controller goes down.
    pub async fn cancel(&self) -> Result<Arc<Snapshot>, NoAnswer> {
        let (reply, view) = oneshot::channel();
        let _ = self.0.cast(Message::Cancel { reply });
        answer(view).await
    }

    /// Gives a new login to S3; answers when that is durable.
    ///
    /// # Errors
    /// [`NoAnswer`] if the workflow just ended, or the controller goes down.
    pub async fn renew_login(&self, login: Sealed) -> Result<Arc<Snapshot>, NoAnswer> {
        let (reply, view) = oneshot::channel();
        let _ = self.0.cast(Message::RenewLogin { login, reply });
        answer(view).await
    }

    /// Returns what a client sees.
    ///
    /// # Errors
    /// [`NoAnswer`] if the workflow just ended, or the controller goes down.
    pub async fn view(&self) -> Result<Arc<Snapshot>, NoAnswer> {
        let (reply, view) = oneshot::channel();
        let _ = self.0.cast(Message::View { reply });
        answer(view).await
    }

    /// Returns what watchers wait for, as it changes.
    ///
    /// # Errors
    /// [`NoAnswer`] if the workflow just ended, or the controller goes down.
    pub async fn watch(&self) -> Result<watch::Receiver<Moment>, NoAnswer> {
        let (reply, moments) = oneshot::channel();
        let _ = self.0.cast(Message::Watch { reply });
        answer(moments).await
    }
}

struct Workflow;

struct State {
    myself: Handle,
    peers: Peers,
    state: WorkflowState,
    /// Effects that wait until the fact of this number is durable.
    pending: VecDeque<(u64, Vec<Effect>)>,
    /// Duties that are being done.
    under_way: BTreeSet<Duty>,
    /// Work of live attempts: reads and bases.
    progress: BTreeMap<(TaskKey, AttemptNumber), (u64, u64)>,
    /// Placements of the scheduler that were handled.
    placements: u64,
    /// The last durable fact and the last work, for watchers.
    moment: watch::Sender<Moment>,
    /// What the index was told last.
    told_status: Option<Status>,
    /// What the scheduler said.
    waiting: String,
    /// When the last snapshot was made.
    snapshots: Snapshots,
    /// Watchers will be told of work within [`SHOW_WORK_EVERY`].
    work_is_new: bool,
    /// What operators are told.
    observed: Observed,
    /// It was asked to stop, and nothing was done for that yet.
    begins_to_end: bool,
    ended: bool,
}

impl Actor for Workflow {
    type Msg = Message;
    type State = State;
    type Arguments = (WorkflowState, Peers);

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (state, peers): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let (moment, _) = watch::channel(Moment {
            revision: state.revision,
            work: 0,
        });
        Ok(State {
            observed: Observed::of(&state),
            myself: Handle(myself),
            peers,
            state,
            pending: VecDeque::new(),
            under_way: BTreeSet::new(),
            progress: BTreeMap::new(),
            placements: 0,
            moment,
            told_status: None,
            waiting: String::new(),
            snapshots: Snapshots::default(),
            work_is_new: false,
            begins_to_end: false,
            ended: false,
        })
    }

    async fn post_start(
        &self,
        _: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.start();
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Placed(placements) => state.place(placements),
            Message::Said { worker, said } => state.hear(worker, said),
            Message::Attached { worker, holding } => state.attach(worker, holding),
            Message::WorkerGone { worker, class } => state.lose(&worker, class, |_| true),
            Message::DutyDone { duty, event } => {
                state.under_way.remove(&duty);
                state.happen(*event);
            }
            Message::Wake => state.happen(Event::TimePassed),
            Message::Durable(sequence) => {
                state.durable(sequence);
                state.go_on_ending();
            }
            Message::SnapshotDone => state.snapshot_done(),
            Message::ShowWork => state.show_work(),
            Message::Waiting(reason) => state.waiting = reason,
            Message::Cancel { reply } => state.cancel(reply),
            Message::RenewLogin { login, reply } => state.renew_login(login, reply),
            Message::View { reply } => state.answer(reply),
            Message::Watch { reply } => {
                let _ = reply.send(state.moment.subscribe());
            }
        }
        if state.ended {
            myself.stop(None);
        }
        Ok(())
    }
}

impl Said {
    /// Returns the answer to what can't count any more; progress needs none.
    pub fn refusal(&self) -> Option<ToWorker> {
        match self {
            Self::Report(report) => Some(effects::acknowledge(&report.attempt, false)),
            Self::ReadBatch(commit) => Some(effects::acknowledge_batch(commit, false)),
            Self::Progress { .. } => None,
        }
    }
}
