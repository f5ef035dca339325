//! What clients see of workflows: one, many, as they change; and their wish to stop one.

use std::sync::Arc;

use common::ids::{BatchId, WorkflowId};
use common::s3_login::Sealed;
use common::wire::WireError;
use common::wire::status::refusal;
use futures::StreamExt;
use futures::stream::BoxStream;
use proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::{Api, Role, not_found, unavailable};
use crate::access::Principal;
use crate::actors::workflow::{Handle, Moment, Snapshot};
use crate::actors::workflows::{Filter, Found, Page};
use crate::actors::{Handles, NoAnswer};
use crate::core::view::Status as Progress;
use crate::state::status_wire::status_of;

/// Workflows in a page: by default, and at most.
const PAGE: u32 = 100;
const PAGE_LIMIT: u32 = 1000;

/// Returns the present view of a workflow. One of another tenant is not there.
pub async fn get(api: &Api, caller: &Principal, workflow: String) -> Result<Arc<Snapshot>, Status> {
    let workflow = WorkflowId::new(workflow);
    let snapshot = present(api, &workflow).await?;
    match caller.sees(&snapshot.tenant) {
        true => Ok(snapshot),
        false => Err(not_found("workflow", workflow.as_str())),
    }
}

async fn present(api: &Api, workflow: &WorkflowId) -> Result<Arc<Snapshot>, Status> {
    let asked = async |role| match role {
        Role::Leads(control) => {
            look(&control, workflow, |live| async move { live.view().await }).await
        }
        Role::Follows(replica) => replica.view(workflow.clone()).await,
    };
    if let Some(found) = api.ask(asked).await? {
        return Ok(found);
    }
    // Another controller may have accepted it a moment ago.
    if let Some(replica) = &api.standing.replica
        && replica.catch_up(workflow).await.map_err(unavailable)?
        && let Some(found) = api.ask(asked).await?
    {
        return Ok(found);
    }
    Err(not_found("workflow", workflow.as_str()))
}

/// Asks a workflow to stop. One that was cancelled before is left as it is. Where another controller
/// leads, the wish is made durable: the leader will see it.
pub async fn cancel(
    api: &Api,
    caller: &Principal,
    workflow: String,
) -> Result<Arc<Snapshot>, Status> {
    get(api, caller, workflow.clone()).await?;
    api.callers
        .log(caller, "CancelWorkflow", workflow.clone())
        .await?;
    let workflow = WorkflowId::new(workflow);
    let store = &api.standing.store;
    let asked = async |role| match role {
        Role::Leads(control) => {
            look(
                &control,
                &workflow,
                |live| async move { live.cancel().await },
            )
            .await
        }
        Role::Follows(replica) => {
            let Some(present) = replica.view(workflow.clone()).await? else {
                return Ok(None);
            };
            if is_over(&present) {
                return Ok(Some(present));
            }
            store.wish_cancel(&workflow).await?;
            let mut wished = Snapshot::clone(&present);
            wished.view.status = Progress::Cancelling;
            Ok(Some(Arc::new(wished)))
        }
    };
    let found = api.ask(asked).await?;
    let snapshot = found.ok_or_else(|| not_found("workflow", workflow.as_str()))?;
    match snapshot.view.status {
        Progress::Succeeded | Progress::Failed | Progress::Rejected => Err(ended(&workflow)),
        _ => Ok(snapshot),
    }
}

/// Gives a workflow a new login to S3, where this controller leads.
pub async fn renew_login(
    api: &Api,
    workflow: &WorkflowId,
    login: &Sealed,
) -> Result<Arc<Snapshot>, Status> {
    let asked = async |role| match role {
        Role::Leads(control) => {
            let renew = |live: Handle| {
                let login = login.clone();
                async move { live.renew_login(login).await }
            };
            look(&control, workflow, renew).await
        }
        Role::Follows(_) => Err(NoAnswer),
    };
    let found = api.ask(asked).await?;
    let snapshot = found.ok_or_else(|| not_found("workflow", workflow.as_str()))?;
    if is_over(&snapshot) {
        return Err(ended(workflow));
    }
    Ok(snapshot)
}

fn ended(workflow: &WorkflowId) -> Status {
    let message = format!("workflow {workflow} has ended");
    refusal(Code::FailedPrecondition, "ENDED", &message, None)
}

/// Asks a workflow on its way, or takes how it ended.
async fn look<F>(
    control: &Handles,
    workflow: &WorkflowId,
    ask: impl Fn(Handle) -> F,
) -> Result<Option<Arc<Snapshot>>, NoAnswer>
where
    F: Future<Output = Result<Arc<Snapshot>, NoAnswer>>,
{
    loop {
        match control.workflows.find(workflow.clone()).await? {
            None => return Ok(None),
            Some(Found::Ended(last)) => return Ok(Some(last)),
            Some(Found::Live(live)) => match ask(live).await {
                Ok(snapshot) => return Ok(Some(snapshot)),
                // It ended just now, or the control plane did.
                Err(NoAnswer) => tokio::task::yield_now().await,
            },
            Some(Found::Stored) => {
                let stored = control.store.load(workflow.clone()).await?;
                return Ok(stored.map(Arc::new));
            }
        }
    }
}

/// Returns workflows, newest first.
pub async fn list(
    api: &Api,
    caller: Principal,
    request: v1::ListWorkflowsRequest,
) -> Result<v1::ListWorkflowsResponse, Status> {
    let mut filter = read_filter(request)?;
    filter.tenant = caller.tenant;
    let asked = async |role| match role {
        Role::Leads(control) => {
            let Page { found, more } = control.workflows.list(filter.clone()).await?;
            Ok((found.into_iter().map(|(id, _)| id).collect(), more))
        }
        Role::Follows(replica) => replica.list(filter.clone()).await,
    };
    let (ids, more): (Vec<WorkflowId>, bool) = api.ask(asked).await?;
    let mut workflows = Vec::with_capacity(ids.len());
    let mut last = String::new();
    for id in ids {
        let snapshot = present(api, &id).await?;
        workflows.push(v1::Workflow::from(&*snapshot));
        last = id.as_str().to_owned();
    }
    Ok(v1::ListWorkflowsResponse {
        workflows,
        next_page_token: if more { last } else { String::new() },
    })
}

fn read_filter(request: v1::ListWorkflowsRequest) -> Result<Filter, WireError> {
    let v1::ListWorkflowsRequest {
        page_size,
        page_token,
        states,
        sample,
        batch_id,
    } = request;
    if page_size > PAGE_LIMIT {
        let reason = format!("{page_size} is not in 0-{PAGE_LIMIT}");
        return Err(WireError::new("page_size", reason));
    }
    let limit = if page_size == 0 { PAGE } else { page_size };
    let given = |text: String| (!text.is_empty()).then_some(text);
    let state = |(index, wire): (usize, i32)| {
        let state = v1::WorkflowState::try_from(wire).ok().and_then(status_of);
        state.ok_or_else(|| WireError::new(format!("states[{index}]"), "is no state"))
    };
    Ok(Filter {
        before: given(page_token).map(WorkflowId::new),
        limit: limit as usize,
        states: states
            .into_iter()
            .enumerate()
            .map(state)
            .collect::<Result<_, _>>()?,
        sample: given(sample),
        batch: given(batch_id).map(BatchId::new),
        tenant: None,
    })
}

/// Sends the present view of a workflow, then each change, until it has ended.
pub async fn watch(
    api: Api,
    caller: Principal,
    workflow: String,
) -> Result<BoxStream<'static, Result<v1::Workflow, Status>>, Status> {
    let permit = api.stream_permit()?;
    let first = get(&api, &caller, workflow.clone()).await?;
    let (views, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(status) = follow(&api, WorkflowId::new(workflow), first, &views).await {
            let _ = views.send(Err(status)).await;
        }
    });
    Ok(ReceiverStream::new(stream).boxed())
}

type Views = mpsc::Sender<Result<v1::Workflow, Status>>;

async fn follow(
    api: &Api,
    workflow: WorkflowId,
    first: Arc<Snapshot>,
    views: &Views,
) -> Result<(), Status> {
    let mut present = first;
    loop {
        if views.send(Ok((&*present).into())).await.is_err() || is_over(&present) {
            return Ok(());
        }
        tokio::select! {
            changed = after(api, &workflow, present.moment()) => present = changed?,
            () = views.closed() => return Ok(()),
        }
    }
}

fn is_over(snapshot: &Snapshot) -> bool {
    matches!(
        snapshot.view.status,
        Progress::Succeeded | Progress::Failed | Progress::Rejected | Progress::Cancelled
    )
}

/// Waits for a view of a higher revision, or of more work.
async fn after(api: &Api, workflow: &WorkflowId, seen: Moment) -> Result<Arc<Snapshot>, Status> {
    loop {
        let moments = match api.role()? {
            Role::Leads(control) => match control.workflows.find(workflow.clone()).await {
                Ok(Some(Found::Live(live))) => live.watch().await,
                Ok(_) | Err(NoAnswer) => Err(NoAnswer),
            },
            Role::Follows(replica) => replica.watch(workflow.clone()).await,
        };
        if let Ok(mut moment) = moments {
            // An error means that it ended, or that another controller leads.
            let _ = moment.wait_for(|moment| is_news(*moment, seen)).await;
        }
        let now = present(api, workflow).await?;
        if is_news(now.moment(), seen) || is_over(&now) {
            return Ok(now);
        }
        tokio::task::yield_now().await;
    }
}

/// A controller that was started again counts work from 0.
fn is_news(moment: Moment, seen: Moment) -> bool {
    moment.revision > seen.revision || moment.work != seen.work
}
