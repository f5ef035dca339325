//! What a controller is told at its start. Read once, checked before a port opens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use common::tls::ServerTls;

use crate::access::{Policy, TenantPolicy};
use crate::api::listen::Bound;
use crate::cache::Terms as CacheTerms;
use crate::objects::ObjectsAt;
use crate::scheduling::share::{self, Entitlement, Terms};
use crate::state::etcd::Address;

/// The shortest lease that etcd grants with its default settings.
const LEADER_LEASE: Duration = Duration::from_secs(2);

/// The configuration of one controller.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens; at least one.
    pub listen: Vec<Listen>,
    /// Folder of the state: queue, journals, locks. Not used in a cluster.
    pub state: PathBuf,
    /// Where the state of a cluster of controllers is.
    pub cluster: Option<Cluster>,
    /// Where the objects are: uploads, intermediates, outputs that stay with the server.
    pub objects: ObjectsAt,
    /// Folders whose files may be named in submissions, by name.
    pub roots: BTreeMap<String, PathBuf>,
    /// Who may do what; `None`: whoever gets through a listener may do everything.
    pub policy: Option<Policy>,
    /// Who vouches for the other controllers, where they are reached over TLS.
    pub peer_ca: Option<PathBuf>,
    /// Key that seals secrets of submissions; `None`: one in the folder of the state, and none in a
    /// cluster.
    pub sealing_key: Option<PathBuf>,
    /// Folder of the audit log; `None`: there is none.
    pub audit: Option<PathBuf>,
    /// Time after which a silent worker is given up.
    pub lease: Duration,
    /// After each such time a waiting genome's priority is better by one.
    pub ageing: Duration,
    /// Of a million tasks so many run twice, and their outputs are compared.
    pub audited_ppm: u32,
    /// How long results of genomes that are over are kept for later ones, and how much of them.
    pub cache: CacheTerms,
    /// File that gets the first bound address as a line of text, once it is open.
    pub address_file: Option<PathBuf>,
    /// Where metrics are served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Bounds of what is kept in memory.
    pub limits: Limits,
}

/// One of several controllers over one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The state.
    pub etcd: Address,
    /// Time after which a silent leader is replaced.
    pub lease: Duration,
    /// Where workers, clients and other controllers reach this one, if it is not where it listens.
    pub advertise: Option<String>,
}

/// A place to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// TCP with TLS; the policy says who gets in.
    Tls {
        /// Address; port 0 takes a free one.
        address: SocketAddr,
        /// What the server shows, and whom it lets in by certificate.
        tls: ServerTls,
    },
    /// TCP without TLS. Refused unless `insecure` says so.
    Tcp {
        /// Address; port 0 takes a free one.
        address: SocketAddr,
        /// Whether the missing TLS is meant, and the missing authentication where there is no
        /// policy.
        insecure: bool,
    },
    /// TCP on loopback; clients send the token in the file as bearer token.
    TcpWithToken {
        /// Loopback address; port 0 takes a free one.
        address: SocketAddr,
        /// Made with mode 0600 when it is missing.
        token_file: PathBuf,
    },
    /// A Unix socket of mode 0600.
    Unix {
        /// Path of the socket.
        path: PathBuf,
    },
}

/// Bounds of what is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests that are worked on at the same time; more are refused with a time to wait.
    pub requests: usize,
    /// Streams that are open at the same time: watchers, uploads, downloads.
    pub streams: usize,
    /// Size of one received message.
    pub message_bytes: usize,
    /// Validations that run at the same time.
    pub validations: usize,
    /// Attempts on their way to one worker beyond its cores.
    pub outbox: usize,
    /// Workflows that may wait; more are refused with a time to wait.
    pub unfinished_workflows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 256,
            streams: 1024,
            message_bytes: 16 << 20,
            validations: 2,
            outbox: 64,
            unfinished_workflows: 20_000,
        }
    }
}

impl Config {
    /// Makes the configuration of a controller whose files are all under `folder`, without roots
    /// and without a place to listen on.
    pub fn under(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            listen: Vec::new(),
            state: folder.join("state"),
            cluster: None,
            objects: ObjectsAt::Folder(folder.join("objects")),
            roots: BTreeMap::new(),
            policy: None,
            peer_ca: None,
            sealing_key: None,
            audit: None,
            lease: Duration::from_secs(10),
            ageing: share::AGEING,
            audited_ppm: 0,
            cache: CacheTerms::OFF,
            address_file: None,
            metrics: None,
            limits: Limits::default(),
        }
    }

    /// Checks what can be checked without opening anything.
    ///
    /// # Errors
    /// The first contradiction or unsafe wish.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.listen.is_empty() {
            return Err(ConfigError::NoListener);
        }
        for listen in &self.listen {
            listen.validate(self.policy.is_some())?;
        }
        if let Some(name) = self.roots.keys().find(|name| !is_root_name(name)) {
            return Err(ConfigError::RootName(name.clone()));
        }
        if self.lease < Duration::from_millis(50) {
            return Err(ConfigError::Lease(self.lease));
        }
        let leader = self.cluster.as_ref().map(|cluster| cluster.lease);
        if let Some(lease) = leader.filter(|lease| *lease < LEADER_LEASE) {
            return Err(ConfigError::LeaderLease(lease));
        }
        Ok(())
    }

    /// Returns how tenants share the workers.
    pub fn terms(&self) -> Terms {
        let tenants = self.policy.iter().flat_map(|policy| &policy.tenants);
        let entitlement = |tenant: &TenantPolicy| Entitlement {
            weight: tenant.weight,
            quota: tenant.quota,
        };
        Terms {
            tenants: tenants
                .map(|tenant| (tenant.name.clone(), entitlement(tenant)))
                .collect(),
            ageing: self.ageing,
        }
    }

    /// Returns where others reach this controller.
    ///
    /// # Errors
    /// [`ConfigError::Advertise`] if it listens on every address of its machine, or on a socket only.
    pub fn advertised(&self, bound: &[Bound]) -> Result<String, ConfigError> {
        let Some(cluster) = &self.cluster else {
            return Ok(bound.first().map(Bound::to_string).unwrap_or_default());
        };
        if let Some(told) = &cluster.advertise {
            return Ok(told.clone());
        }
        let reachable = bound.iter().find(|bound| match bound {
            Bound::Tcp(address) | Bound::Tls(address) => !address.ip().is_unspecified(),
            Bound::Unix(_) => false,
        });
        let found = reachable.ok_or(ConfigError::Advertise)?;
        Ok(found.to_string())
    }
}

impl Listen {
    fn validate(&self, has_policy: bool) -> Result<(), ConfigError> {
        match self {
            Self::Tls { address, .. } if !has_policy => Err(ConfigError::NoPolicy(*address)),
            Self::Tcp {
                insecure: false,
                address,
            } => Err(ConfigError::Insecure(*address)),
            Self::TcpWithToken { address, .. } if !address.ip().is_loopback() => {
                Err(ConfigError::TokenBeyondLoopback(*address))
            }
            Self::Tls { .. } | Self::Tcp { .. } | Self::TcpWithToken { .. } | Self::Unix { .. } => {
                Ok(())
            }
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing to listen on.
    #[error("no address to listen on")]
    NoListener,
    /// TLS hides what is said, not who says it.
    #[error("TLS on {0} needs a policy that says who may do what")]
    NoPolicy(SocketAddr),
    /// TCP without protection.
    #[error(
        "{0} has neither TLS nor authentication: use a Unix socket, a loopback address with a token file, or say that insecure is meant"
    )]
    Insecure(SocketAddr),
    /// A token would travel in the clear.
    #[error("{0} is not a loopback address: a token would travel in the clear")]
    TokenBeyondLoopback(SocketAddr),
    /// A root's name that cannot stand in a location.
    #[error("root name {0:?} is not made of letters, digits, `_`, `-` and `.`")]
    RootName(String),
    /// A lease that no heartbeat can keep.
    #[error("a lease of {0:?} is too short")]
    Lease(Duration),
    /// A lease that etcd does not grant.
    #[error("a leader's lease of {0:?} is too short: etcd grants 2s and more")]
    LeaderLease(Duration),
    /// Nobody could find this controller.
    #[error("say where others reach this controller: it listens on no one address")]
    Advertise,
}

fn is_root_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(plain) && !matches!(name, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(listen: Listen) -> Config {
        Config {
            listen: vec![listen],
            ..Config::under("/nowhere")
        }
    }

    #[test]
    fn unprotected_tcp_is_refused_unless_meant() {
        let address: SocketAddr = "0.0.0.0:7777".parse().unwrap();
        let tcp = |insecure| listening(Listen::Tcp { address, insecure });
        assert_eq!(tcp(false).validate(), Err(ConfigError::Insecure(address)));
        assert_eq!(tcp(true).validate(), Ok(()));
    }

    #[test]
    fn a_token_stays_on_loopback() {
        let with_token = |address: &str| {
            listening(Listen::TcpWithToken {
                address: address.parse().unwrap(),
                token_file: "token".into(),
            })
        };
        assert_eq!(with_token("127.0.0.1:0").validate(), Ok(()));
        assert!(matches!(
            with_token("192.0.2.1:80").validate(),
            Err(ConfigError::TokenBeyondLoopback(_))
        ));
    }

    #[test]
    fn root_names_must_fit_a_location() {
        let mut config = listening(Listen::Unix { path: "s".into() });
        config.roots.insert("a/b".into(), "/".into());
        assert_eq!(config.validate(), Err(ConfigError::RootName("a/b".into())));
    }
}
