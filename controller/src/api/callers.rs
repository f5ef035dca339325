//! What callers may name and see, and the log of what they do.

use std::sync::Arc;

use common::ids::TenantId;
use common::location::Location;
use common::wire::WireError;
use common::workflow::{Work, WorkflowSpec};
use tonic::{Request, Status};

use crate::access::audit::Audit;
use crate::access::{Policy, Principal};
use crate::actors::now_ms;
use crate::config::Config;
use crate::error::Error;

/// Between the tenant and the rest of an upload's id; no name has it.
const TENANT_END: char = '.';

/// The policy and the audit log.
#[derive(Debug, Clone)]
pub struct Callers {
    policy: Option<Arc<Policy>>,
    audit: Option<Audit>,
}

/// Returns who makes a call.
///
/// # Errors
/// If nobody looked: every service is behind a guard.
pub fn caller<T>(request: &Request<T>) -> Result<Principal, Status> {
    let principal = request.extensions().get::<Principal>();
    principal
        .cloned()
        .ok_or_else(|| Status::internal("nobody looked who calls"))
}

impl Callers {
    /// Opens the audit log, if there is to be one.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be used, or if its chain is broken.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let audit = config.audit.as_deref();
        let audit = audit.map(|folder| Audit::open(folder).map_err(Error::file(folder)));
        Ok(Self {
            policy: config.policy.clone().map(Arc::new),
            audit: audit.transpose()?,
        })
    }

    /// Logs what a caller is about to do; durable when this returns.
    ///
    /// # Errors
    /// `UNAVAILABLE`: what cannot be logged is not done.
    pub async fn log(
        &self,
        caller: &Principal,
        action: &'static str,
        target: String,
    ) -> Result<(), Status> {
        let Some(audit) = self.audit.clone() else {
            return Ok(());
        };
        let caller = caller.clone();
        let written =
            tokio::task::spawn_blocking(move || audit.record(&caller, action, &target, now_ms()));
        written
            .await
            .map_err(|_| Status::internal("the audit log broke down"))?
    }

    /// Returns the id of an upload: it tells whose it is.
    pub fn upload_id(&self, caller: &Principal) -> String {
        let unique = ulid::Ulid::new();
        match &caller.tenant {
            Some(tenant) => format!("{tenant}{TENANT_END}{unique}"),
            None => unique.to_string(),
        }
    }

    /// Checks that a submission names nothing but what its tenant may.
    ///
    /// # Errors
    /// [`WireError`] with the field.
    pub fn check(&self, caller: &Principal, spec: &WorkflowSpec) -> Result<(), WireError> {
        let (Some(tenant), Work::Genome(genome)) = (&caller.tenant, &spec.work) else {
            return Ok(());
        };
        let prefix = genome.output_prefix.iter();
        for location in genome.inputs().into_iter().chain(prefix) {
            if !self.may_name(tenant, location) {
                let reason = format!("{location} is not open to tenant {tenant}");
                return Err(WireError::new("genome", reason));
            }
        }
        Ok(())
    }

    fn may_name(&self, tenant: &TenantId, location: &Location) -> bool {
        match location {
            Location::Root { root, .. } => {
                let policy = self
                    .policy
                    .as_ref()
                    .and_then(|policy| policy.tenant(tenant));
                policy.is_some_and(|policy| policy.roots.contains(root))
            }
            Location::Upload { id, .. } => id
                .split_once(TENANT_END)
                .is_some_and(|(owner, _)| owner == tenant.as_str()),
        }
    }
}
