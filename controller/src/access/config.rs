//! The policy file: tenants, keys, identity providers, rates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::ids::{Sha256, TenantId};
use serde::{Deserialize, Deserializer, de};

use super::rate::Rate;
use super::right::Role;
use crate::scheduling::share::{Entitlement, MOST_WEIGHT, Quota};

/// Who may do what. Read from YAML; see `docs/SECURITY.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The tenants.
    pub tenants: Vec<TenantPolicy>,
    /// Keys of programs.
    pub keys: Vec<KeyPolicy>,
    /// Identity providers of people.
    pub oidc: Vec<IssuerPolicy>,
    /// Calls of one caller; none: unbounded.
    pub rates: Option<Rate>,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantPolicy {
    /// 1-63 of a-z, 0-9 and `-`.
    #[serde(deserialize_with = "tenant")]
    pub name: TenantId,
    /// Roots of the server that its submissions may name.
    #[serde(default)]
    pub roots: BTreeSet<String>,
    /// Where in S3 they may read and write: `s3://BUCKET/` or `s3://BUCKET/PREFIX/`.
    #[serde(default)]
    pub s3: Vec<String>,
    /// Its part of the cluster beside those of others, 1-1000.
    #[serde(default = "ordinary", deserialize_with = "weight")]
    pub weight: u32,
    /// What it may have at most.
    #[serde(default)]
    pub quota: Quota,
}

/// A key of a program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPolicy {
    /// What logs call it.
    pub name: String,
    /// Digest of the key.
    #[serde(deserialize_with = "digest")]
    pub sha256: Sha256,
    /// Whose genomes; `*`: those of all.
    #[serde(deserialize_with = "tenant_or_all")]
    pub tenant: Option<TenantId>,
    /// What it may do.
    pub role: Role,
    /// No longer from this date on: YYYY-MM-DD.
    #[serde(default, deserialize_with = "date")]
    pub expires: Option<SystemTime>,
}

/// An identity provider (OpenID Connect Core 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerPolicy {
    /// The claim `iss`; its configuration is at `ISSUER/.well-known/openid-configuration`.
    pub issuer: String,
    /// The claim `aud` that tokens for this server have.
    pub audience: String,
    /// Signature algorithms that are taken.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<jsonwebtoken::Algorithm>,
    /// The claim that names the tenant.
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
    /// The claim that names the role.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// Certificates of the provider, if they are not public ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file cannot be read.
    #[error("{path}: cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no policy.
    #[error("{path}: not a policy")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_yaml_ng::Error,
    },
    /// A key, or an issuer, is for a tenant that is not there.
    #[error("{path}: {what} names the tenant {tenant}, which is not in the list")]
    UnknownTenant {
        /// The file.
        path: PathBuf,
        /// Who names it.
        what: String,
        /// The tenant.
        tenant: TenantId,
    },
    /// Two entries have one name or digest.
    #[error("{path}: {what} is there twice")]
    Twice {
        /// The file.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// Tokens could be forged by whoever knows a public key.
    #[error("{path}: {algorithm:?} is no algorithm with a public key")]
    Symmetric {
        /// The file.
        path: PathBuf,
        /// Which one.
        algorithm: jsonwebtoken::Algorithm,
    },
    /// The way to an identity provider cannot be set up.
    #[error("identity provider {issuer} cannot be used")]
    Provider {
        /// Which one.
        issuer: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`AccessError`] says what is wrong.
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        let text = std::fs::read_to_string(path).map_err(|source| AccessError::Unreadable {
            path: path.into(),
            source,
        })?;
        let policy: Self =
            serde_yaml_ng::from_str(&text).map_err(|source| AccessError::Syntax {
                path: path.into(),
                source,
            })?;
        policy.check(path)?;
        Ok(policy)
    }

    /// Returns a tenant.
    pub fn tenant(&self, name: &TenantId) -> Option<&TenantPolicy> {
        self.tenants.iter().find(|tenant| tenant.name == *name)
    }

    fn check(&self, path: &Path) -> Result<(), AccessError> {
        let twice = |what: String| AccessError::Twice {
            path: path.into(),
            what,
        };
        let mut names = BTreeSet::new();
        for tenant in &self.tenants {
            if !names.insert(&tenant.name) {
                return Err(twice(format!("tenant {}", tenant.name)));
            }
        }
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        for key in &self.keys {
            if !names.insert(&key.name) || !digests.insert(key.sha256) {
                return Err(twice(format!("key {}", key.name)));
            }
            let tenant = key.tenant.as_ref();
            if let Some(tenant) = tenant.filter(|tenant| self.tenant(tenant).is_none()) {
                return Err(AccessError::UnknownTenant {
                    path: path.into(),
                    what: format!("key {}", key.name),
                    tenant: tenant.clone(),
                });
            }
        }
        for algorithm in self.oidc.iter().flat_map(|issuer| &issuer.algorithms) {
            if is_symmetric(*algorithm) {
                return Err(AccessError::Symmetric {
                    path: path.into(),
                    algorithm: *algorithm,
                });
            }
        }
        Ok(())
    }
}

fn is_symmetric(algorithm: jsonwebtoken::Algorithm) -> bool {
    use jsonwebtoken::Algorithm::{HS256, HS384, HS512};
    matches!(algorithm, HS256 | HS384 | HS512)
}

fn algorithms() -> Vec<jsonwebtoken::Algorithm> {
    use jsonwebtoken::Algorithm::{ES256, EdDSA, RS256};
    vec![RS256, ES256, EdDSA]
}

fn tenant_claim() -> String {
    "spindle_tenant".to_owned()
}

fn role_claim() -> String {
    "spindle_role".to_owned()
}

fn ordinary() -> u32 {
    Entitlement::default().weight
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let weight = u32::deserialize(deserializer)?;
    match weight {
        1..=MOST_WEIGHT => Ok(weight),
        _ => Err(de::Error::custom(format!(
            "{weight}: a weight is 1-{MOST_WEIGHT}"
        ))),
    }
}

fn tenant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TenantId, D::Error> {
    let text = String::deserialize(deserializer)?;
    match TenantId::is_name(&text) {
        true => Ok(TenantId::new(text)),
        false => Err(de::Error::custom(format!(
            "{text}: a tenant's name is 1-63 of a-z, 0-9 and -"
        ))),
    }
}

fn tenant_or_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TenantId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "*" => Ok(None),
        name if TenantId::is_name(name) => Ok(Some(TenantId::new(text))),
        _ => Err(de::Error::custom(format!("{text}: neither a tenant nor *"))),
    }
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| de::Error::custom(format!("{text}: not a SHA-256 of 64 hexadecimal digits")))
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let day: Result<prost_types::Timestamp, _> = format!("{text}T00:00:00Z").parse();
    let time = day.ok().and_then(|day| SystemTime::try_from(day).ok());
    match time {
        Some(time) => Ok(Some(time)),
        None => Err(de::Error::custom(format!("{text}: not a date YYYY-MM-DD"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Policy, AccessError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Policy::read(file.path())
    }

    fn key(tenant: &str) -> String {
        let digest = Sha256::of(b"secret");
        format!("{{name: robot, sha256: {digest}, tenant: '{tenant}', role: submitter}}")
    }

    #[test]
    fn a_policy_is_read_as_written() {
        let text = format!(
            "tenants: [{{name: clinic, roots: [data], weight: 3, quota: {{cores: 8, gigabases_per_day: 500}}}}]\nkeys: [{}]\nrates: {{requests_per_second: 5, burst: 9}}\n\
             oidc: [{{issuer: https://id.example, audience: spindle}}]",
            key("clinic")
        );
        let policy = read(&text).unwrap();
        assert_eq!(policy.keys[0].tenant, Some(TenantId::new("clinic")));
        assert_eq!(policy.keys[0].sha256, Sha256::of(b"secret"));
        assert_eq!(policy.oidc[0].tenant_claim, "spindle_tenant");
        assert!(policy.tenants[0].roots.contains("data"));
        let tenant = &policy.tenants[0];
        assert_eq!((tenant.weight, tenant.quota.cores), (3, Some(8)));
        assert_eq!(tenant.quota.running_genomes, None);
        assert_eq!(policy.rates.unwrap().burst.get(), 9);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let wrong = [
            ("keys: 5".to_owned(), "policy"),
            ("tenants: [{name: A_B}]".to_owned(), "policy"),
            ("tenant: []".to_owned(), "policy"),
            ("tenants: [{name: a, weight: 0}]".to_owned(), "policy"),
            (
                "tenants: [{name: a, quota: {genomes: 5}}]".to_owned(),
                "policy",
            ),
            (format!("keys: [{}]", key("nowhere")), "not in the list"),
            (format!("keys: [{0}, {0}]", key("*")), "twice"),
            ("tenants: [{name: a}, {name: a}]".to_owned(), "twice"),
            (
                "oidc: [{issuer: x, audience: y, algorithms: [HS256]}]".to_owned(),
                "HS256",
            ),
            (
                format!(
                    "keys: [{}]",
                    key("*").replace("role", "expires: soon, role")
                ),
                "policy",
            ),
        ];
        for (text, reason) in wrong {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
