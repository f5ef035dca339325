//! How tasks reach objects and inputs: by folders that this machine sees, else by the controller.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::auth::Bearer;
use common::backoff::Backoff;
use common::tls::{ClientTls, Identity};
use object_store::{Local, ObjectStore, Patience, Served};
use proto::worker::v1 as wire;
use tokio::runtime::Handle;
use tonic::transport::Channel;

use crate::cache::Cache;
use crate::config::{Config, Controller};
use crate::error::Error;
use crate::inputs::Inputs;
use crate::objects::Objects;

/// Reads outlast a controller that is away for some minutes.
const PATIENCE: Patience = Patience {
    backoff: Backoff {
        first: std::time::Duration::from_millis(200),
        cap: std::time::Duration::from_secs(10),
    },
    tries: 60,
};
/// Where uploads lie in the controller's object directory.
const UPLOADS: &str = "uploads";
/// File in a root by which a worker proves that it sees the same folder.
const ROOT_NONCE: &str = ".spindle-root";

/// Objects and inputs, opened.
#[derive(Clone)]
pub(crate) struct Storage {
    pub objects: Objects,
    pub inputs: Inputs,
}

/// How to reach them, in words that another process understands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    /// Of the objects; `None`: they are served.
    pub objects_directory: Option<PathBuf>,
    /// Proven roots.
    pub roots: BTreeMap<String, PathBuf>,
    pub cache: PathBuf,
    pub cache_bytes: u64,
}

impl Reach {
    /// Finds out what this machine sees of the controller's folders.
    pub fn of(config: &Config, roots: BTreeMap<String, PathBuf>, welcome: &wire::Welcome) -> Self {
        let wire::Welcome {
            epoch: _,
            lease_ms: _,
            objects_directory,
            objects_nonce_file,
            objects_nonce,
        } = welcome;
        let folder = Path::new(objects_directory);
        let sees = config.shared_objects
            && folder.is_absolute()
            && !objects_nonce.is_empty()
            && nonce(&folder.join(objects_nonce_file)).as_deref() == Some(objects_nonce);
        Self {
            objects_directory: sees.then(|| folder.to_owned()),
            roots,
            cache: config.cache.clone(),
            cache_bytes: config.cache_bytes,
        }
    }

    /// Opens what is seen, and serves the rest through `channel`.
    pub fn open(
        &self,
        runtime: &Handle,
        channel: Channel,
        bearer: Bearer,
    ) -> Result<Storage, Error> {
        let served = Served::new(channel, bearer).with_patience(PATIENCE);
        let store: Arc<dyn ObjectStore> = match &self.objects_directory {
            None => Arc::new(served.clone()),
            Some(folder) => Arc::new(Local::open(folder).map_err(|fault| Error::Folder {
                path: folder.to_string_lossy().into_owned(),
                source: std::io::Error::other(fault),
            })?),
        };
        Ok(Storage {
            objects: Objects::new(store, runtime.clone()),
            inputs: Inputs {
                roots: self.roots.clone(),
                uploads: self
                    .objects_directory
                    .as_ref()
                    .map(|folder| folder.join(UPLOADS)),
                served: Some(served),
                cache: Cache::new(self.cache.clone(), self.cache_bytes),
                runtime: runtime.clone(),
            },
        })
    }

    /// Returns the wire form, with the way to the controller.
    pub fn to_wire(&self, config: &Config) -> wire::Storage {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let roots = self
            .roots
            .iter()
            .map(|(name, path)| (name.clone(), text(path)));
        wire::Storage {
            objects_directory: self
                .objects_directory
                .as_deref()
                .map_or_else(String::new, text),
            controller: match &config.controller {
                Controller::Address(address) | Controller::Secure(address, _) => address.clone(),
                Controller::Channel(_) => String::new(),
            },
            tls: match &config.controller {
                Controller::Secure(_, tls) => Some(tls_to_wire(tls)),
                Controller::Address(_) | Controller::Channel(_) => None,
            },
            token: config.token.clone().unwrap_or_default(),
            roots: roots.collect(),
            cache_directory: text(&self.cache),
            cache_bytes: self.cache_bytes,
        }
    }

    /// Opens storage as another process described it.
    pub fn open_wire(wire: wire::Storage, runtime: &Handle) -> Result<Storage, Error> {
        let wire::Storage {
            objects_directory,
            controller,
            token,
            roots,
            cache_directory,
            cache_bytes,
            tls,
        } = wire;
        let reach = Self {
            objects_directory: (!objects_directory.is_empty()).then(|| objects_directory.into()),
            roots: roots
                .into_iter()
                .map(|(name, path)| (name, path.into()))
                .collect(),
            cache: cache_directory.into(),
            cache_bytes,
        };
        let bearer = Bearer::new(Some(&token)).map_err(|e| Error::Config(e.to_string()))?;
        let controller = match tls {
            Some(tls) => Controller::Secure(controller, tls_of_wire(tls)),
            None => Controller::Address(controller),
        };
        reach.open(runtime, controller.channel()?, bearer)
    }
}

fn tls_to_wire(tls: &ClientTls) -> wire::ClientTls {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let identity = tls.identity.as_ref();
    wire::ClientTls {
        ca: text(&tls.ca),
        certificate: identity.map_or_else(String::new, |own| text(&own.certificate)),
        key: identity.map_or_else(String::new, |own| text(&own.key)),
    }
}

fn tls_of_wire(tls: wire::ClientTls) -> ClientTls {
    let wire::ClientTls {
        ca,
        certificate,
        key,
    } = tls;
    let identity = Identity {
        certificate: certificate.into(),
        key: key.into(),
    };
    ClientTls {
        ca: ca.into(),
        identity: (!identity.certificate.as_os_str().is_empty()).then_some(identity),
    }
}

/// Returns the nonces of the roots that have one: what proves that they are the controller's.
pub(crate) fn root_nonces(roots: &BTreeMap<String, PathBuf>) -> BTreeMap<String, String> {
    let read = |(name, folder): (&String, &PathBuf)| {
        Some((name.clone(), nonce(&folder.join(ROOT_NONCE))?))
    };
    roots.iter().filter_map(read).collect()
}

fn nonce(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(folder: &Path, nonce: &str) -> wire::Welcome {
        wire::Welcome {
            epoch: 1,
            lease_ms: 10_000,
            objects_directory: folder.to_string_lossy().into_owned(),
            objects_nonce_file: ".nonce".into(),
            objects_nonce: nonce.into(),
        }
    }

    #[tokio::test]
    async fn a_directory_is_used_only_if_its_nonce_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let controller = Controller::Address("http://127.0.0.1:1".into());
        let config = Config::new(controller, folder.path().join("scratch"), 1, 1);
        let sees = |nonce| {
            let reach = Reach::of(&config, BTreeMap::new(), &welcome(folder.path(), nonce));
            reach.objects_directory.is_some()
        };
        assert!(!sees("n"));
        fs::write(folder.path().join(".nonce"), "n\n").unwrap();
        assert!(sees("n"));
        assert!(!sees("other"));
        assert!(!sees(""));
    }

    #[test]
    fn only_roots_with_a_nonce_are_proven() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir(&a).unwrap();
        fs::create_dir(&b).unwrap();
        fs::write(a.join(ROOT_NONCE), "x\n").unwrap();
        let roots = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(
            root_nonces(&roots),
            BTreeMap::from([("a".to_owned(), "x".to_owned())])
        );
    }
}
