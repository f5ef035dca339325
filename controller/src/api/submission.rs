//! Submissions: checked in form, durable, then on their way.

use common::ids::{BatchId, IdempotencyToken, Sha256, WorkflowId};
use common::s3_login::{S3Access, S3Login, Sealed};
use common::telemetry::{Made, Value};
use common::trace::TraceContext;
use common::wire::WireError;
use common::wire::status::refusal;
use common::workflow::{Work, WorkflowSpec};
use prost::Message;
use proto::v1;
use tonic::{Code, Status};

use super::{Api, Role, busy, unavailable};
use crate::access::Principal;
use crate::actors::now_ms;
use crate::actors::store::{Submission, Submitted};
use crate::actors::workflows::Opened;
use crate::sealing::Sealer;
use crate::state::journal::accepted_state;
use crate::state::records::{Accepted, Token};

/// The longest idempotency token, in characters, and the largest batch.
const TOKEN_CHARACTERS: usize = 128;
const WORKFLOWS: usize = 1000;

/// Accepts a batch, all or nothing; its workflows go on with the trace of the call.
pub async fn submit(
    api: &Api,
    (caller, trace): (&Principal, Option<TraceContext>),
    request: v1::SubmitBatchRequest,
) -> Result<v1::SubmitBatchResponse, Status> {
    let body = Sha256::of(&request.encode_to_vec());
    let v1::SubmitBatchRequest {
        idempotency_token,
        workflows,
    } = request;
    let name = token_of(caller, read_token(idempotency_token)?);
    let mut specs = read_specs(workflows)?;
    seal(&mut specs, api.services.inputs.sealer())?;
    for (index, spec) in specs.iter().enumerate() {
        let within = |error: WireError| error.within(&format!("workflows[{index}]"));
        api.callers.check(caller, spec).map_err(within)?;
    }
    let asked = async |role| match role {
        Role::Leads(control) => control.workflows.unfinished().await,
        Role::Follows(replica) => replica.unfinished().await,
    };
    let unfinished = api.ask(asked).await?;
    if unfinished + specs.len() > api.limits.unfinished_workflows {
        return Err(busy("workflows"));
    }
    let mut accepted = accept(caller, specs)?;
    continue_trace(&mut accepted, trace);
    let token = Token {
        body,
        batch: accepted
            .first()
            .map_or_else(|| BatchId::new(""), |first| first.batch.clone()),
        workflows: accepted.iter().map(|one| one.workflow.clone()).collect(),
    };
    let answer = answer(&token.batch, &token.workflows);
    let submission = Submission {
        name,
        token,
        workflows: accepted.clone(),
    };
    let target = format!("batch {} of {} workflows", answer.batch_id, accepted.len());
    api.callers.log(caller, "SubmitBatch", target).await?;
    let submitted = api.standing.store.submit(submission).await;
    match submitted.map_err(unavailable)? {
        Submitted::Accepted => {
            open(api, accepted);
            Ok(answer)
        }
        Submitted::Known(batch, workflows) => Ok(self::answer(&batch, &workflows)),
        Submitted::Conflict => {
            let message = "the idempotency token stands for another batch";
            Err(refusal(Code::AlreadyExists, "TOKEN_TAKEN", message, None))
        }
        Submitted::TooLarge => {
            let message = "a genome of the batch is too large for the state store";
            Err(refusal(
                Code::InvalidArgument,
                "BATCH_TOO_LARGE",
                message,
                None,
            ))
        }
    }
}

/// Makes what is durable known at once to whoever knows the workflows here. A leader elsewhere sees it
/// in the state.
fn open(api: &Api, accepted: Vec<Accepted>) {
    match api.role() {
        Ok(Role::Leads(control)) => {
            let states = accepted.into_iter().map(accepted_state);
            control.workflows.open(states.map(Opened::of).collect());
        }
        Ok(Role::Follows(replica)) => replica.accepted(accepted),
        Err(_) => {}
    }
}

fn accept(caller: &Principal, specs: Vec<WorkflowSpec>) -> Result<Vec<Accepted>, Status> {
    let at_ms = now_ms();
    let batch = BatchId::from(ulid::Ulid::new());
    // Ids of one batch rise in its order.
    let mut ids = ulid::Generator::new();
    specs
        .into_iter()
        .map(|spec| {
            let id = ids
                .generate()
                .map_err(|_| Status::internal("no ids are left"))?;
            Ok(Accepted {
                workflow: WorkflowId::from(id),
                batch: batch.clone(),
                at_ms,
                tenant: caller.submits_for(),
                spec,
                trace: None,
            })
        })
        .collect()
}

/// Lets workflows go on with the trace of their submission. Each of several gets a trace of its own,
/// whose first span is linked to it: a trace of a thousand genomes is of no use.
fn continue_trace(accepted: &mut [Accepted], trace: Option<TraceContext>) {
    let is_alone = accepted.len() == 1;
    for one in accepted {
        one.trace = match trace {
            Some(submission) if !is_alone => Some(trace_apart(one, submission)),
            alone_or_none => alone_or_none,
        };
    }
}

fn trace_apart(accepted: &Accepted, submission: TraceContext) -> TraceContext {
    let context = submission.apart(accepted.workflow.as_str());
    let made = Made {
        context,
        parent: None,
        cause: Some(submission),
        name: "submit",
        begin_ms: accepted.at_ms,
        end_ms: accepted.at_ms,
        attributes: vec![
            (
                "spindle.workflow.id",
                Value::Text(accepted.workflow.to_string()),
            ),
            ("spindle.batch.id", Value::Text(accepted.batch.to_string())),
        ],
        fault: None,
    };
    made.tell();
    context
}

fn read_token(text: String) -> Result<IdempotencyToken, WireError> {
    let characters = text.chars().count();
    // Keys end below byte 255, which no text has; the end of a key must not be mistaken.
    if !(1..=TOKEN_CHARACTERS).contains(&characters) || text.chars().any(char::is_control) {
        let reason = format!("must be 1-{TOKEN_CHARACTERS} characters without control characters");
        return Err(WireError::new("idempotency_token", reason));
    }
    Ok(IdempotencyToken::new(text))
}

/// Tokens of different tenants never meet.
fn token_of(caller: &Principal, token: IdempotencyToken) -> IdempotencyToken {
    match &caller.tenant {
        // No token has a control character.
        Some(tenant) => IdempotencyToken::new(format!("{tenant}\u{1f}{token}")),
        None => token,
    }
}

fn read_specs(wire: Vec<v1::WorkflowSpec>) -> Result<Vec<WorkflowSpec>, WireError> {
    if !(1..=WORKFLOWS).contains(&wire.len()) {
        let reason = format!("{} workflows are not 1-{WORKFLOWS}", wire.len());
        return Err(WireError::new("workflows", reason));
    }
    let read = |(index, wire): (usize, v1::WorkflowSpec)| {
        let field = format!("workflows[{index}]");
        WorkflowSpec::try_from(wire).map_err(|error: WireError| error.within(&field))
    };
    wire.into_iter().enumerate().map(read).collect()
}

/// Seals the logins that came with a submission before anything is kept of it.
fn seal(specs: &mut [WorkflowSpec], sealer: Option<&Sealer>) -> Result<(), Status> {
    for (index, spec) in specs.iter_mut().enumerate() {
        let Work::Genome(genome) = &mut spec.work else {
            continue;
        };
        genome.s3 = match std::mem::take(&mut genome.s3) {
            S3Access::Own => S3Access::Own,
            S3Access::Sealed(_) => {
                let error = WireError::new("genome.sealed_s3_login", "must not be set");
                return Err(error.within(&format!("workflows[{index}]")).into());
            }
            S3Access::Given(login) => S3Access::Sealed(sealed(&login, sealer)?),
        };
    }
    Ok(())
}

/// Seals a login.
///
/// # Errors
/// `FAILED_PRECONDITION` if there is no key for that.
pub fn sealed(login: &S3Login, sealer: Option<&Sealer>) -> Result<Sealed, Status> {
    let no_key = || {
        let message = "this controller takes no logins: it has no --sealing-key";
        refusal(Code::FailedPrecondition, "NO_SEALING_KEY", message, None)
    };
    Ok(sealer.ok_or_else(no_key)?.seal(login))
}

fn answer(batch: &BatchId, workflows: &[WorkflowId]) -> v1::SubmitBatchResponse {
    v1::SubmitBatchResponse {
        batch_id: batch.as_str().to_owned(),
        workflow_ids: workflows.iter().map(|id| id.as_str().to_owned()).collect(),
    }
}
