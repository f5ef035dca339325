//! What workflows that are over took in: a record by day and tenant, so that daily quotas outlive
//! journals.

use common::ids::{TenantId, WorkflowId};

use super::{StateStore, StoreError, Write, journal, keys};

/// What a workflow took in on the last day on which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whose it is.
    pub tenant: TenantId,
    /// Since 1970 (UTC).
    pub day: u32,
    /// Of reads.
    pub bases: u64,
}

impl Usage {
    /// Returns the write that keeps it.
    pub fn write(&self, workflow: &WorkflowId) -> Write {
        let key = keys::usage(self.day, &self.tenant, workflow);
        Write::Put(key, self.bases.to_string().into_bytes())
    }
}

/// Returns what workflows that are over took in on a day.
///
/// # Errors
/// [`StoreError`] if the store failed or a record is damaged.
pub fn of_day(
    store: &dyn StateStore,
    day: u32,
) -> Result<Vec<(TenantId, WorkflowId, u64)>, StoreError> {
    let prefix = keys::usage_of_day(day);
    let mut all = Vec::new();
    journal::for_each(store, &prefix, |(key, value)| {
        let read = read(&key[prefix.len()..], &value);
        all.push(read.ok_or_else(|| StoreError::damaged(&key, "not a number of bases"))?);
        Ok(())
    })?;
    Ok(all)
}

fn read(key: &[u8], value: &[u8]) -> Option<(TenantId, WorkflowId, u64)> {
    let (tenant, workflow) = std::str::from_utf8(key).ok()?.split_once('/')?;
    let bases = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some((TenantId::new(tenant), WorkflowId::new(workflow), bases))
}
