//! How an etcd cluster is named: `etcd://HOST:PORT,HOST:PORT[/PREFIX]`; and how its members are trusted.

use common::tls::ClientTls;

/// How all names of clusters begin.
const SCHEME: &str = "etcd://";

/// The keys of a cluster that names no other prefix begin with this word.
const PREFIX: &str = "spindle";

/// Members of an etcd cluster, and the first word of all keys of one Spindle cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `HOST:PORT` of each member.
    pub members: Vec<String>,
    /// First word of all keys.
    pub prefix: String,
    /// Whom to trust, and what to show; `None`: the members do without TLS. Not part of the name.
    pub tls: Option<ClientTls>,
}

/// Why a text names no etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}: not an etcd cluster like etcd://HOST:PORT,HOST:PORT or etcd://HOST:PORT/PREFIX")]
pub struct InvalidAddress {
    text: String,
}

impl Address {
    /// Says whether a text is meant as the name of an etcd cluster.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Returns the URL of each member.
    pub(super) fn urls(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let urls = self.members.iter().map(|at| format!("{scheme}://{at}"));
        urls.collect()
    }

    /// Returns the first part of a key of this cluster.
    pub(super) fn root(&self) -> Vec<u8> {
        format!("{}/", self.prefix).into_bytes()
    }
}

impl std::str::FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress {
            text: text.to_owned(),
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(invalid)?;
        let (members, prefix) = rest.split_once('/').unwrap_or((rest, PREFIX));
        let prefix = prefix.trim_end_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        if prefix.is_empty() || !prefix.chars().all(plain) {
            return Err(invalid());
        }
        let is_member = |member: &&str| {
            let parts = member.rsplit_once(':');
            parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let members: Vec<&str> = members.split(',').collect();
        if !members.iter().all(is_member) {
            return Err(invalid());
        }
        Ok(Self {
            members: members.into_iter().map(str::to_owned).collect(),
            prefix: prefix.to_owned(),
            tls: None,
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.members.join(","), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_prefix_are_read_and_shown() {
        let address: Address = "etcd://a:2379,[::1]:22/lab/one".parse().unwrap();
        assert_eq!(address.members, ["a:2379", "[::1]:22"]);
        assert_eq!(address.prefix, "lab/one");
        assert_eq!(address.to_string(), "etcd://a:2379,[::1]:22/lab/one");
        let plain: Address = "etcd://a:1".parse().unwrap();
        assert_eq!(plain.root(), b"spindle/");
    }

    #[test]
    fn other_texts_are_refused() {
        let wrong = [
            "etcd://",
            "etcd://a",
            "etcd://a:1,",
            "etcd://a:1/",
            "etcd://:1",
        ];
        for text in wrong
            .into_iter()
            .chain(["/state", "etcd://a:x", "etcd://a:1/p q"])
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
