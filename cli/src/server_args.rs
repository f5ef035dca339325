//! The flags that the roles share: where a server listens, what a worker may use.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use common::tls::{ClientTls, Identity};
use controller::CacheTerms;

use crate::exit::{Exit, ended};
use crate::genome_args::{parse_bytes, parse_root};

/// Folders whose files may be named as root:NAME/path.
#[derive(Debug, Clone, clap::Args)]
pub struct RootArgs {
    /// A folder whose files may be named as root:NAME/path; may be given again
    #[arg(long, value_name = "NAME=DIR", value_parser = parse_root)]
    pub root: Vec<(String, PathBuf)>,
}

/// Where Prometheus finds metrics.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsArgs {
    /// Serve /metrics, /healthz and /readyz there, on loopback unless a host is given
    #[arg(long, env = "SPINDLE_METRICS", value_name = "[HOST:]PORT", value_parser = parse_metrics)]
    pub metrics: Option<SocketAddr>,
}

/// What is kept of genomes that are over.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CacheArgs {
    /// Days for which results of genomes are kept after their last use, so that a genome that is
    /// submitted again repeats nothing; 0 keeps nothing, and removes what was kept
    #[arg(
        long,
        env = "SPINDLE_CACHE_DAYS",
        value_name = "N",
        default_value_t = 3
    )]
    pub cache_days: u32,
    /// Size of all that is kept: what was not used for the longest time goes first
    #[arg(long, env = "SPINDLE_CACHE_SIZE", value_name = "SIZE", default_value = "100G", value_parser = parse_bytes)]
    pub cache_size: u64,
}

impl CacheArgs {
    /// Returns what that means.
    pub fn terms(self) -> CacheTerms {
        const DAY_SECONDS: u64 = 24 * 3600;
        CacheTerms {
            keep: Duration::from_secs(u64::from(self.cache_days) * DAY_SECONDS),
            bytes: self.cache_size,
        }
    }
}

/// What tasks may use on this machine.
#[derive(Debug, Clone, clap::Args)]
pub struct ResourceArgs {
    /// Cores for tasks; all of them if none is given
    #[arg(long, alias = "threads", short = 't', value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cores: Option<u32>,
    /// Memory for tasks
    #[arg(long, default_value = "8G", value_name = "SIZE", value_parser = parse_bytes)]
    pub memory: u64,
}

impl ResourceArgs {
    /// Returns the number of cores: as given, or as many as this process may use.
    pub fn cores(&self) -> u32 {
        let all = || std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
        self.cores.unwrap_or_else(all)
    }
}

/// Whom this side of a TLS connection trusts, and what it shows.
#[derive(Debug, Clone, clap::Args)]
pub struct ClientTlsArgs {
    /// Certificate of the authority that vouches for the server, for https addresses
    #[arg(long, env = "SPINDLE_TLS_CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Certificate to show to the server
    #[arg(
        long,
        env = "SPINDLE_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(
        long,
        env = "SPINDLE_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    /// Returns the files for an https address; `None` for another one.
    ///
    /// # Errors
    /// [`Exit::Usage`] if an https address comes without an authority.
    pub fn of(&self, address: &str) -> Result<Option<ClientTls>, anyhow::Error> {
        if !address.starts_with("https://") {
            return Ok(None);
        }
        let Some(ca) = self.tls_ca.clone() else {
            let message = format!("{address}: --tls-ca is needed for https");
            return Err(ended(Exit::Usage, message));
        };
        let identity = self.tls_cert.clone().zip(self.tls_key.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        Ok(Some(ClientTls { ca, identity }))
    }
}

/// Whom a controller trusts behind the addresses of etcd, and what it shows there. The variables are
/// those of etcdctl.
#[derive(Debug, Clone, clap::Args)]
pub struct EtcdTlsArgs {
    /// Certificate of the authority that vouches for etcd's members; with it they are reached over TLS
    #[arg(long, env = "ETCDCTL_CACERT", value_name = "FILE")]
    etcd_ca: Option<PathBuf>,
    /// Certificate to show to etcd
    #[arg(long, env = "ETCDCTL_CERT", value_name = "FILE", requires_all = ["etcd_ca", "etcd_key"])]
    etcd_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, env = "ETCDCTL_KEY", value_name = "FILE", requires = "etcd_cert")]
    etcd_key: Option<PathBuf>,
}

impl EtcdTlsArgs {
    /// Returns the files; `None` where etcd does without TLS.
    pub fn tls(&self) -> Option<ClientTls> {
        let identity = self.etcd_cert.clone().zip(self.etcd_key.clone());
        Some(ClientTls {
            ca: self.etcd_ca.clone()?,
            identity: identity.map(|(certificate, key)| Identity { certificate, key }),
        })
    }
}

/// Parses a duration such as `10s` or `500ms`.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..split]
        .parse()
        .map_err(|_| format!("not a duration like 10s: {text}"))?;
    match &text[split..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        _ => Err(format!("not a duration like 10s: {text}")),
    }
}

/// Parses `HOST:PORT`, where the host may be a name.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    use std::net::ToSocketAddrs;
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|error| format!("{text}: {error}"))?;
    addresses
        .next()
        .ok_or_else(|| format!("{text}: no address"))
}

/// Parses `HOST:PORT`, or a port of loopback.
fn parse_metrics(text: &str) -> Result<SocketAddr, String> {
    match text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => parse_address(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_on_loopback_unless_a_host_is_given() {
        let parsed = |text| parse_metrics(text).map(|address| address.to_string());
        assert_eq!(parsed("9464"), Ok("127.0.0.1:9464".into()));
        assert_eq!(parsed(":9464"), Ok("127.0.0.1:9464".into()));
        assert_eq!(parsed("0.0.0.0:9464"), Ok("0.0.0.0:9464".into()));
        assert!(parsed("nonsense").is_err() && parsed("99999").is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(parse_duration("10").is_err() && parse_duration("s").is_err());
    }
}
