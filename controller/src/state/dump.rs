//! The records of a state in words, for people who look into it.

use std::path::Path;

use common::tls::ClientTls;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::embedded::Embedded;
use super::etcd::{Address, Connection, EtcdStore};
use super::keys::{self, Meaning};
use super::records::{Accepted, SnapshotPointer, Token};
use super::{StateStore, StoreError, journal};
use crate::error::Error;
use crate::leader::StateLock;

/// The file of the state in its folder.
pub(crate) const STATE_FILE: &str = "state.redb";

/// A record, decoded as far as it can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Dumped {
    key: String,
    value: Value,
}

impl Dumped {
    /// Says whether its key names a workflow.
    pub fn is_of(&self, workflow: &str) -> bool {
        self.key.split('/').any(|part| part == workflow)
    }

    /// Returns it as JSON.
    pub fn to_json(&self) -> Value {
        json!({"key": self.key, "value": self.value})
    }
}

/// Shows all records of a state, in order of key: that of a folder which no controller holds, or of an
/// etcd cluster, whose members are trusted as `tls` says. What waits for etcd runs on `runtime`; this blocks.
///
/// # Errors
/// [`Error`] if it cannot be opened or read.
pub fn dump(
    state: &str,
    tls: Option<ClientTls>,
    runtime: Handle,
    mut show: impl FnMut(Dumped),
) -> Result<(), Error> {
    let mut shown = |(key, value): (Vec<u8>, Vec<u8>)| {
        show(decoded(&key, &value));
        Ok::<_, StoreError>(())
    };
    if !Address::is_meant(state) {
        let folder = Path::new(state);
        let file = folder.join(STATE_FILE);
        std::fs::metadata(&file).map_err(Error::file(&file))?;
        let _lock = StateLock::take(folder)?;
        let store = Embedded::open(&file)?;
        return Ok(journal::for_each(&store, b"", &mut shown)?);
    }
    let address = Address {
        tls,
        ..state.parse()?
    };
    let store = EtcdStore::read(Connection::new(&address, runtime)?);
    Ok(journal::for_each(
        &store as &dyn StateStore,
        b"",
        &mut shown,
    )?)
}

fn decoded(key: &[u8], value: &[u8]) -> Dumped {
    let shown = match keys::meaning(key) {
        Meaning::Spec(_) => Accepted::decode(key, value).map(|accepted| {
            let Accepted {
                workflow,
                batch,
                at_ms,
                tenant,
                spec,
                trace,
            } = accepted;
            json!({
                "workflow": workflow.as_str(),
                "batch": batch.as_str(),
                "accepted_at_ms": at_ms,
                "tenant": tenant.as_str(),
                "spec": format!("{spec:?}"),
                "traceparent": trace.map(|trace| trace.to_string()),
            })
        }),
        Meaning::Journal(_) => journal::unpack(key, value).map(|(first, facts)| {
            let shown = facts.iter().map(|fact| format!("{fact:?}"));
            json!({"first_sequence": first, "facts": shown.collect::<Vec<_>>()})
        }),
        Meaning::Snapshot(_) => SnapshotPointer::decode(key, value).map(
            |pointer| json!({"last_sequence": pointer.last_sequence, "object": pointer.object.key}),
        ),
        Meaning::Cancel(_) => Ok(Value::Null),
        Meaning::Other if key.starts_with(keys::TOKENS) => Token::decode(key, value).map(|token| {
            let workflows = token.workflows.iter().map(|id| id.as_str());
            json!({"batch": token.batch.as_str(), "workflows": workflows.collect::<Vec<_>>()})
        }),
        Meaning::End(_) | Meaning::Submitted | Meaning::Other => {
            Ok(String::from_utf8_lossy(value).into())
        }
    };
    Dumped {
        key: String::from_utf8_lossy(key).into_owned(),
        value: shown.unwrap_or_else(|error| json!({"damaged": error.to_string()})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Transaction, Write};

    #[test]
    fn a_stopped_state_is_shown_and_a_held_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_str().unwrap().to_owned();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let dumped = |state: &str| {
            let mut all = Vec::new();
            let runtime = runtime.handle().clone();
            let done = dump(state, None, runtime, |record| all.push(record));
            done.map(|()| all)
        };
        assert!(matches!(dumped(&state), Err(Error::File { .. })));
        let mut store = Embedded::open(&folder.path().join(STATE_FILE)).unwrap();
        let put = |key: &str| Write::Put(key.into(), b"x".to_vec());
        let writes = vec![put("cancel/W1"), put("journal/W1/1"), put("other")];
        let transaction = Transaction {
            compares: vec![],
            writes,
        };
        store.commit(&[transaction]).unwrap();
        drop(store);
        let all = dumped(&state).unwrap();
        let of: Vec<_> = all.iter().map(|record| record.is_of("W1")).collect();
        assert_eq!(of, [true, true, false, false]);
        assert!(all[1].to_json()["value"]["damaged"].is_string());
        assert_eq!(all[2].to_json(), json!({"key": "other", "value": "x"}));
        let _held = StateLock::take(folder.path()).unwrap();
        assert!(matches!(dumped(&state), Err(Error::Locked { .. })));
        assert!(matches!(dumped("etcd://x"), Err(Error::Address(_))));
    }
}
