//! Who may do what: callers are known by a key, a token of an identity provider, or a certificate.
//!
//! [`Access::admit`] finds out who calls; [`right_of`] says what the call needs; handlers then show
//! a caller nothing of another tenant.

pub mod audit;
pub mod config;
mod guard;
mod keys;
mod oidc;
mod rate;
mod right;
mod secret_file;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use common::ids::{Sha256, TenantId};
use common::wire::status::refusal;
use tonic::{Code, Status};

pub use config::{AccessError, Policy, TenantPolicy};
pub use guard::Guard;
pub use keys::NewKey;
pub use right::{Right, Role, right_of};

use crate::error::Error;
use keys::Keys;
use oidc::Issuers;
use rate::Rates;

/// Who calls.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name of the key, subject of the token, or what the listener stands for.
    pub subject: String,
    /// Whose genomes it may see; `None`: those of all tenants, and the pool of workers.
    pub tenant: Option<TenantId>,
    /// What it may do with them.
    pub role: Role,
}

impl Principal {
    /// Returns whoever reaches a listener that asks nothing: it may do everything.
    pub fn anyone() -> Self {
        Self {
            subject: "anyone".to_owned(),
            tenant: None,
            role: Role::Admin,
        }
    }

    fn worker(certificate: &[u8]) -> Self {
        let digest = Sha256::of(certificate).to_string();
        Self {
            subject: format!("certificate:{}", &digest[..16]),
            tenant: None,
            role: Role::Worker,
        }
    }

    /// Says whether it may see what belongs to a tenant.
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// Returns the tenant of what it submits.
    pub fn submits_for(&self) -> TenantId {
        self.tenant.clone().unwrap_or_default()
    }

    /// Says whether it has a right.
    pub fn may(&self, right: Right) -> bool {
        let everywhere = self.tenant.is_none();
        self.role.has(right) && (everywhere || !right.is_about_the_cluster())
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenant = self.tenant.as_ref().map_or("*", TenantId::as_str);
        write!(f, "{}@{tenant} ({:?})", self.subject, self.role)
    }
}

/// How callers of one listener prove who they are.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everyone who reaches the listener may do everything.
    Open,
    /// Everyone who has the token may do everything.
    Token(Sha256),
    /// By a policy.
    Policy(Arc<Gate>),
}

/// A policy at work.
#[derive(Debug)]
pub struct Gate {
    keys: Keys,
    issuers: Issuers,
    rates: Rates,
}

impl Gate {
    /// Puts a policy to work.
    ///
    /// # Errors
    /// [`AccessError`] if a provider's certificates cannot be used.
    pub fn new(policy: &Policy) -> Result<Self, AccessError> {
        Ok(Self {
            keys: Keys::new(&policy.keys),
            issuers: Issuers::new(&policy.oidc)?,
            rates: Rates::new(policy.rates),
        })
    }
}

/// What a request shows of its caller.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The header `authorization`.
    pub authorization: Option<&'a str>,
    /// The certificate that the listener has checked.
    pub certificate: Option<&'a [u8]>,
}

impl Access {
    /// Asks for the token in a file, which is made when it is missing.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be used, or if others may read it.
    pub fn token(file: &Path) -> Result<Self, Error> {
        let token = secret_file::read_or_make(file).map_err(Error::file(file))?;
        Ok(Self::Token(Sha256::of(token.as_bytes())))
    }

    /// Finds out who calls, and whether the caller may.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `PERMISSION_DENIED` or, over the rate, `RESOURCE_EXHAUSTED`.
    pub async fn admit(
        &self,
        credentials: Credentials<'_>,
        right: Right,
    ) -> Result<Principal, Status> {
        let principal = self.identify(credentials).await?;
        if !principal.may(right) {
            let message = format!("the role {} may not do this", principal.role);
            return Err(refusal(Code::PermissionDenied, "ROLE", &message, None));
        }
        if let Self::Policy(gate) = self {
            gate.rates.take(&principal)?;
        }
        Ok(principal)
    }

    async fn identify(&self, credentials: Credentials<'_>) -> Result<Principal, Status> {
        let bearer = credentials
            .authorization
            .and_then(|value| value.strip_prefix("Bearer "));
        match self {
            Self::Open => Ok(Principal::anyone()),
            // Digests are compared, so that the time taken tells nothing about the token.
            Self::Token(token) => match bearer {
                Some(sent) if Sha256::of(sent.as_bytes()) == *token => Ok(Principal::anyone()),
                _ => Err(unknown("a bearer token is needed")),
            },
            Self::Policy(gate) => match (bearer, credentials.certificate) {
                (Some(sent), _) if keys::is_key(sent) => gate.keys.find(sent),
                (Some(sent), _) => gate.issuers.check(sent).await,
                (None, Some(certificate)) => Ok(Principal::worker(certificate)),
                (None, None) => Err(unknown("a key, a token or a certificate is needed")),
            },
        }
    }
}

fn unknown(message: &str) -> Status {
    refusal(Code::Unauthenticated, "CREDENTIALS", message, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(access: &Access, authorization: Option<&str>) -> bool {
        let credentials = Credentials {
            authorization,
            certificate: None,
        };
        let admitted = access.admit(credentials, Right::Operate);
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(admitted)
            .is_ok()
    }

    #[test]
    fn only_the_token_opens() {
        let access = Access::Token(Sha256::of(b"secret"));
        assert!(admitted(&access, Some("Bearer secret")));
        for refused in [None, Some("Bearer secre"), Some("secret"), Some("Bearer ")] {
            assert!(!admitted(&access, refused), "{refused:?}");
        }
    }

    #[test]
    fn a_policy_without_keys_lets_nobody_in() {
        let gate = Gate::new(&Policy::default()).unwrap();
        let access = Access::Policy(Arc::new(gate));
        let key = NewKey::make();
        for sent in [
            None,
            Some("Bearer x".to_owned()),
            Some(format!("Bearer {}", key.reveal())),
        ] {
            assert!(!admitted(&access, sent.as_deref()), "{sent:?}");
        }
    }

    #[test]
    fn a_tenant_has_no_rights_on_the_cluster() {
        let mut principal = Principal::anyone();
        assert!(principal.may(Right::Operate) && principal.may(Right::Work));
        principal.tenant = Some(TenantId::new("clinic"));
        assert!(!principal.may(Right::Operate) && !principal.may(Right::Work));
        assert!(principal.may(Right::Submit) && principal.sees(&TenantId::new("clinic")));
        assert!(!principal.sees(&TenantId::new("other")));
    }
}
