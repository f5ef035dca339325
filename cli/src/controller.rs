//! `spindle controller`: the role that decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args as ClapArgs;
use common::tls::{Identity, ServerTls};
use controller::access::Policy;
use controller::state::etcd::Address;
use controller::{Cluster, Config, Listen, ObjectsAt, Ready};
use object_store::s3;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::exit::{Exit, ended};
use crate::server_args::{
    CacheArgs, EtcdTlsArgs, MetricsArgs, RootArgs, parse_address, parse_duration,
};

/// Times after which somebody silent is given up, if none is given.
const LEADER_LEASE: Duration = Duration::from_secs(5);
const WORKER_LEASE: Duration = Duration::from_secs(10);

/// Runs the controller of a cluster, or one of several over etcd
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    listen: SocketAddr,
    /// Queue and journals: a folder, or an etcd cluster that several controllers share
    #[arg(long, value_name = "DIR|etcd://H:P,H:P")]
    state: String,
    #[command(flatten)]
    etcd: EtcdTlsArgs,
    /// Where workers, clients and other controllers reach this one, if that is not --listen
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
    /// Folder of uploads, intermediates and outputs that stay, or s3://BUCKET/PREFIX
    ///
    /// Endpoint and credentials of S3 come from AWS_ENDPOINT_URL, AWS_REGION,
    /// AWS_ACCESS_KEY_ID and its like, a profile or a web identity; workers use their own.
    #[arg(long, value_name = "DIR|URL", value_parser = parse_objects)]
    objects: ObjectsAt,
    #[command(flatten)]
    roots: RootArgs,
    /// Time after which a silent leader is replaced (5s if not given), a silent worker given up (10s)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    lease: Option<Duration>,
    /// After each such time since it was accepted a genome's priority is better by one
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = parse_duration)]
    ageing: Duration,
    /// Part of the tasks that run twice, elsewhere, so that their outputs can be compared: 0.01 is one in a hundred
    #[arg(long, value_name = "PART", default_value = "0", value_parser = parse_part)]
    audit_share: u32,
    #[command(flatten)]
    cache: CacheArgs,
    /// Who may do what: tenants, keys, identity providers (docs/SECURITY.md)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Folder of the audit log of this controller; the state's if that is a folder
    #[arg(long, value_name = "DIR")]
    audit: Option<PathBuf>,
    /// Key that seals the logins of submissions: 32 random bytes, the same for all controllers
    ///
    /// Over a folder one is made in it; over etcd logins are refused without it.
    #[arg(long, value_name = "FILE")]
    sealing_key: Option<PathBuf>,
    /// Certificate to show; with it the port speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authority whose certificates let workers in
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Authority that vouches for the other controllers; that of --client-ca if none is given
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    peer_ca: Option<PathBuf>,
    #[command(flatten)]
    metrics: MetricsArgs,
    /// Listen without TLS, and without authentication unless there is a policy
    #[arg(long, conflicts_with = "tls_cert")]
    insecure: bool,
}

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// If it cannot start, or its store fails.
pub async fn run(args: Args) -> Result<()> {
    let config = config(args)?;
    // A small heap on huge pages would hold several times what it uses.
    let _not_known_here = nix::sys::prctl::set_thp_disable(true);
    let (ready, is_ready) = oneshot::channel();
    let announced = tokio::spawn(announce(is_ready));
    let ended_with = controller::run(config, ready, asked_to_end()?).await;
    announced.await?;
    Ok(ended_with?)
}

fn config(args: Args) -> Result<Config> {
    let mut config = Config::under(&args.state);
    config.cluster = cluster(&args)?;
    config.audit = audit(&args, config.cluster.is_some())?;
    config.state = PathBuf::from(args.state);
    config.peer_ca = args.peer_ca.or_else(|| args.client_ca.clone());
    let identity = args.tls_cert.zip(args.tls_key);
    config.listen = vec![match identity {
        Some((certificate, key)) => Listen::Tls {
            address: args.listen,
            tls: ServerTls {
                identity: Identity { certificate, key },
                client_ca: args.client_ca,
            },
        },
        None => Listen::Tcp {
            address: args.listen,
            insecure: args.insecure,
        },
    }];
    config.policy = args.policy.as_deref().map(Policy::read).transpose()?;
    config.sealing_key = args.sealing_key;
    config.objects = args.objects;
    config.metrics = args.metrics.metrics;
    config.roots = args.roots.root.into_iter().collect();
    config.ageing = args.ageing;
    config.audited_ppm = args.audit_share;
    config.cache = args.cache.terms();
    config.lease = args.lease.unwrap_or(WORKER_LEASE);
    config
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    Ok(config)
}

/// Returns the folder of the audit log.
fn audit(args: &Args, in_etcd: bool) -> Result<Option<PathBuf>> {
    match &args.audit {
        Some(folder) => Ok(Some(folder.clone())),
        None if !in_etcd => Ok(Some(PathBuf::from(&args.state))),
        None if args.policy.is_none() => Ok(None),
        None => {
            let message = "--policy over etcd needs --audit, a folder for the audit log";
            Err(ended(Exit::Usage, message))
        }
    }
}

/// Returns what several controllers share, if `--state` names it.
fn cluster(args: &Args) -> Result<Option<Cluster>> {
    if !Address::is_meant(&args.state) {
        return Ok(None);
    }
    let etcd: Result<Address, _> = args.state.parse();
    let etcd = etcd.map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let tls = args.etcd.tls();
    Ok(Some(Cluster {
        etcd: Address { tls, ..etcd },
        lease: args.lease.unwrap_or(LEADER_LEASE),
        advertise: args.advertise.clone(),
    }))
}

/// Parses a part of all, 0 to 1, into millionths.
fn parse_part(text: &str) -> Result<u32, String> {
    let part: f64 = text.parse().map_err(|_| format!("not a part: {text}"))?;
    match (0.0..=1.0).contains(&part) {
        true => Ok((part * 1e6).round() as u32),
        false => Err(format!("not a part from 0 to 1: {text}")),
    }
}

/// Parses a folder or an address in S3.
fn parse_objects(text: &str) -> Result<ObjectsAt, String> {
    if s3::Address::is_meant(text) {
        let address = text.parse::<s3::Address>();
        return address.map(ObjectsAt::S3).map_err(|e| e.to_string());
    }
    Ok(ObjectsAt::Folder(text.into()))
}

/// Prints where the controller listens, once it does.
pub async fn announce(ready: oneshot::Receiver<Ready>) {
    if let Ok(ready) = ready.await {
        for bound in ready.bound {
            crate::stdout::say!("listening on {bound}");
        }
    }
}

/// Returns what is done once SIGTERM or Ctrl-C came.
///
/// # Errors
/// If the system refuses the handlers.
pub fn asked_to_end() -> Result<impl Future<Output = ()> + Send> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_in_a_folder_or_in_s3() {
        let folder = ObjectsAt::Folder("objects".into());
        assert_eq!(parse_objects("objects"), Ok(folder));
        let address = "s3://bucket/p".parse().unwrap();
        assert_eq!(parse_objects("s3://bucket/p"), Ok(ObjectsAt::S3(address)));
        assert!(parse_objects("s3://").is_err());
    }

    #[test]
    fn a_part_is_from_nothing_to_all() {
        assert_eq!(parse_part("0.01"), Ok(10_000));
        assert_eq!((parse_part("0"), parse_part("1")), (Ok(0), Ok(1_000_000)));
        assert!(
            ["-0.1", "1.1", "NaN", "1%"]
                .iter()
                .all(|text| parse_part(text).is_err())
        );
    }
}
