//! What a worker is told when it starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use common::auth::Bearer;
use common::servers::{Present, Servers, addresses};
use common::tls::{ClientTls, TlsConnector};
use tonic::transport::{Channel, Endpoint};

use crate::error::Error;

/// Bytes of fetched files that are kept, if nothing else is said: two human indices.
const CACHE_BYTES: u64 = 64 << 30;
/// Room in scratch below which a worker takes nothing new, if nothing else is said.
const SCRATCH_RESERVE_BYTES: u64 = 64 << 20;
/// Pings over an idle connection, and how long an answer may take: a dead peer is found out.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What a worker is told when it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the controller is.
    pub controller: Controller,
    /// Bearer token for it.
    pub token: Option<String>,
    /// Cores that tasks may use together.
    pub cores: u32,
    /// Memory that tasks may use together.
    pub memory_bytes: u64,
    /// Folder for unfinished work, made when it is missing.
    pub scratch: PathBuf,
    /// While less than this is free there, the worker takes nothing new.
    pub scratch_reserve_bytes: u64,
    /// Folder of fetched files; workers of one machine may share it.
    pub cache: PathBuf,
    /// Bytes that it may hold.
    pub cache_bytes: u64,
    /// Folders that are the controller's roots of the same names, once their nonces prove it.
    pub roots: BTreeMap<String, PathBuf>,
    /// Whether the roots need no proof, since the controller is in this process.
    pub roots_are_proven: bool,
    /// Whether the controller's object directory is used where it can be seen; else its port is.
    pub shared_objects: bool,
    /// Where tasks run.
    pub tasks: TaskMode,
    /// Where metrics are served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// How long tasks may go on after the worker was asked to end, before they are handed back.
    pub drain_grace: Duration,
}

/// Where the controller is.
#[derive(Debug, Clone)]
pub enum Controller {
    /// `http://HOST:PORT` or `unix:PATH`; several addresses, of which one leads, with commas between.
    Address(String),
    /// `https://HOST:PORT`, with the certificates of both sides.
    Secure(String, ClientTls),
    /// A channel within this process.
    Channel(Channel),
}

/// Where tasks run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskMode {
    /// Each in a process of its own.
    Child {
        /// The program.
        program: PathBuf,
        /// Its arguments, with which it calls [`crate::task_main`].
        arguments: Vec<OsString>,
    },
    /// On threads of this process.
    InProcess,
}

impl Config {
    /// Makes a configuration with the defaults; tasks run in process.
    pub fn new(controller: Controller, scratch: PathBuf, cores: u32, memory_bytes: u64) -> Self {
        Self {
            controller,
            token: None,
            cores,
            memory_bytes,
            cache: scratch.join("cache"),
            scratch,
            scratch_reserve_bytes: SCRATCH_RESERVE_BYTES,
            cache_bytes: CACHE_BYTES,
            roots: BTreeMap::new(),
            roots_are_proven: false,
            shared_objects: true,
            tasks: TaskMode::InProcess,
            metrics: None,
            drain_grace: Duration::from_secs(20),
        }
    }

    /// Checks what can be checked before a connection is made.
    ///
    /// # Errors
    /// [`Error::Config`] names the fault.
    pub fn validate(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Config(what.to_owned()));
        if self.cores == 0 {
            return wrong("a worker needs at least one core");
        }
        if self.memory_bytes == 0 {
            return wrong("a worker needs memory");
        }
        let is_child = matches!(self.tasks, TaskMode::Child { .. });
        if is_child && matches!(self.controller, Controller::Channel(_)) {
            return wrong("child processes need the address of the controller");
        }
        self.bearer()?;
        self.controller.channel().map(drop)
    }

    pub(crate) fn bearer(&self) -> Result<Bearer, Error> {
        Bearer::new(self.token.as_deref()).map_err(|e| Error::Config(e.to_string()))
    }
}

impl Controller {
    /// Makes a way to all controllers that stays with the one which answers; `present` says which.
    pub(crate) fn servers(&self, present: Present) -> Result<Servers, Error> {
        let channels = match self {
            Self::Channel(channel) => vec![channel.clone()],
            Self::Address(list) => {
                let endpoints = endpoints(list)?.into_iter();
                endpoints.map(|endpoint| endpoint.connect_lazy()).collect()
            }
            Self::Secure(list, tls) => secure(list, tls)?,
        };
        Ok(Servers::new(channels, present))
    }

    /// Makes a channel to any of the controllers; it connects when it is used, and again when it breaks.
    pub(crate) fn channel(&self) -> Result<Channel, Error> {
        match self {
            Self::Channel(channel) => Ok(channel.clone()),
            Self::Address(list) => {
                let endpoints = endpoints(list)?;
                match &endpoints[..] {
                    [only] => Ok(only.connect_lazy()),
                    _ => Ok(Channel::balance_list(endpoints.into_iter())),
                }
            }
            // A balanced channel has no connector of its own: the first controller serves objects.
            Self::Secure(list, tls) => {
                let mut channels = secure(list, tls)?.into_iter();
                let none = || Error::Config("no address of a controller".to_owned());
                channels.next().ok_or_else(none)
            }
        }
    }
}

fn secure(list: &str, tls: &ClientTls) -> Result<Vec<Channel>, Error> {
    let wrong = |reason: String| Error::Config(format!("{list}: {reason}"));
    if !addresses(list).all(|address| address.starts_with("https://")) {
        return Err(wrong("TLS is for https:// addresses".to_owned()));
    }
    tls.load().map_err(|error| wrong(error.to_string()))?;
    // The connector speaks TLS: the endpoints must not try it again.
    let endpoints = endpoints(&list.replace("https://", "http://"))?.into_iter();
    let connect =
        |endpoint: Endpoint| endpoint.connect_with_connector_lazy(TlsConnector(tls.clone()));
    Ok(endpoints.map(connect).collect())
}

fn endpoints(list: &str) -> Result<Vec<Endpoint>, Error> {
    let endpoint = |address: &str| {
        let endpoint = Endpoint::from_shared(address.to_owned());
        let endpoint = endpoint.map_err(|e| Error::Config(format!("{address}: {e}")))?;
        Ok::<_, Error>(
            endpoint
                .connect_timeout(CONNECT_WITHIN)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .keep_alive_while_idle(true),
        )
    };
    let found = addresses(list)
        .map(endpoint)
        .collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err(Error::Config("no address of a controller".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let controller = Controller::Address("http://127.0.0.1:1".into());
        Config::new(controller, "/tmp/x".into(), 1, 1)
    }

    #[tokio::test]
    async fn faults_are_found_before_a_connection_is_made() {
        assert!(config().validate().is_ok());
        let faults = [
            Config {
                cores: 0,
                ..config()
            },
            Config {
                memory_bytes: 0,
                ..config()
            },
            Config {
                token: Some("a\nb".into()),
                ..config()
            },
            Config {
                controller: Controller::Address("no address".into()),
                ..config()
            },
        ];
        for config in faults {
            assert!(
                matches!(config.validate(), Err(Error::Config(_))),
                "{config:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_socket_of_this_machine_is_an_address() {
        let controller = Controller::Address("unix:/tmp/spindle.sock".into());
        assert!(controller.channel().is_ok());
    }
}
