//! The small records of the store: accepted workflows, idempotency tokens, pointers to snapshots.

use common::ids::{BatchId, IdempotencyToken, Sha256, TenantId, WorkflowId};
use common::task::ObjectRef;
use common::trace::TraceContext;
use common::wire::{WireError, task::digest};
use common::workflow::WorkflowSpec;
use prost::Message;
use proto::state::v1 as wire;

use super::{Compare, StoreError, Transaction, Write, keys};

/// An accepted workflow, immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The submission that it came with.
    pub batch: BatchId,
    /// When.
    pub at_ms: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// What was asked for.
    pub spec: WorkflowSpec,
    /// Where it belongs in a trace, if anybody records it: every leader goes on with it.
    pub trace: Option<TraceContext>,
}

/// A submission by its idempotency token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Digest of the request's body: the same token with another body is refused.
    pub body: Sha256,
    /// The submission.
    pub batch: BatchId,
    /// Its workflows, in the order of the request.
    pub workflows: Vec<WorkflowId>,
}

/// Where a workflow's snapshot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPointer {
    /// Sequence number of the last fact in it.
    pub last_sequence: u64,
    /// The object.
    pub object: ObjectRef,
}

/// Returns the transaction that makes a submission durable: it is refused if the token is known.
pub fn accept(token: Option<(&IdempotencyToken, &Token)>, workflows: &[Accepted]) -> Transaction {
    let mut transaction = Transaction::default();
    if let Some((name, record)) = token {
        let key = keys::token(name);
        transaction.compares.push(Compare::Absent(key.clone()));
        transaction.writes.push(Write::Put(key, record.encode()));
    }
    for accepted in workflows {
        let key = keys::spec(&accepted.workflow);
        transaction.compares.push(Compare::Absent(key.clone()));
        transaction.writes.push(Write::Put(key, accepted.encode()));
    }
    transaction
}

impl Accepted {
    /// Returns the stored form.
    pub fn encode(&self) -> Vec<u8> {
        let record = wire::SpecRecord {
            schema_version: keys::SCHEMA_VERSION,
            workflow_id: self.workflow.as_str().to_owned(),
            batch_id: self.batch.as_str().to_owned(),
            accepted_at_ms: self.at_ms,
            spec: Some((&self.spec).into()),
            tenant: match self.tenant == TenantId::default() {
                true => String::new(),
                false => self.tenant.as_str().to_owned(),
            },
            traceparent: self
                .trace
                .map_or_else(String::new, |trace| trace.to_string()),
        };
        record.encode_to_vec()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError`] if it is of a newer schema or damaged.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let damaged = |error: WireError| StoreError::damaged(key, error);
        let wire::SpecRecord {
            schema_version,
            workflow_id,
            batch_id,
            accepted_at_ms,
            spec,
            tenant,
            traceparent,
        } = decoded(key, value)?;
        check_schema(key, schema_version)?;
        let spec = spec.ok_or_else(|| damaged(WireError::new("spec", "must be set")))?;
        Ok(Self {
            workflow: WorkflowId::new(workflow_id),
            batch: BatchId::new(batch_id),
            at_ms: accepted_at_ms,
            tenant: match tenant.is_empty() {
                true => TenantId::default(),
                false => TenantId::new(tenant),
            },
            spec: spec.try_into().map_err(damaged)?,
            trace: TraceContext::read(&traceparent),
        })
    }
}

impl Token {
    /// Returns the stored form.
    pub fn encode(&self) -> Vec<u8> {
        let names = self.workflows.iter().map(|id| id.as_str().to_owned());
        let record = wire::TokenRecord {
            schema_version: keys::SCHEMA_VERSION,
            body_sha256: self.body.0.to_vec(),
            batch_id: self.batch.as_str().to_owned(),
            workflow_ids: names.collect(),
        };
        record.encode_to_vec()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError`] if it is of a newer schema or damaged.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let wire::TokenRecord {
            schema_version,
            body_sha256,
            batch_id,
            workflow_ids,
        } = decoded(key, value)?;
        check_schema(key, schema_version)?;
        let body = digest("body_sha256", &body_sha256);
        Ok(Self {
            body: body.map_err(|error| StoreError::damaged(key, error))?,
            batch: BatchId::new(batch_id),
            workflows: workflow_ids.into_iter().map(WorkflowId::new).collect(),
        })
    }
}

impl SnapshotPointer {
    /// Returns the stored form.
    pub fn encode(&self) -> Vec<u8> {
        let record = wire::SnapshotRecord {
            schema_version: keys::SCHEMA_VERSION,
            last_sequence: self.last_sequence,
            object: Some((&self.object).into()),
        };
        record.encode_to_vec()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError`] if it is of a newer schema or damaged.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let damaged = |error: WireError| StoreError::damaged(key, error);
        let wire::SnapshotRecord {
            schema_version,
            last_sequence,
            object,
        } = decoded(key, value)?;
        check_schema(key, schema_version)?;
        let object = object.ok_or_else(|| damaged(WireError::new("object", "must be set")))?;
        Ok(Self {
            last_sequence,
            object: object.try_into().map_err(damaged)?,
        })
    }
}

/// Reads a message.
pub(super) fn decoded<M: Message + Default>(key: &[u8], value: &[u8]) -> Result<M, StoreError> {
    M::decode(value).map_err(|error| StoreError::damaged(key, error))
}

/// Refuses what a newer program wrote.
pub(super) fn check_schema(key: &[u8], found: u32) -> Result<(), StoreError> {
    match found {
        0 => Err(StoreError::damaged(key, "no schema version")),
        1..=keys::SCHEMA_VERSION => Ok(()),
        _ => Err(StoreError::Newer {
            what: String::from_utf8_lossy(key).into_owned(),
            found,
            known: keys::SCHEMA_VERSION,
        }),
    }
}
