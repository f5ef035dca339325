//! Keys of programs: 256 random bits, of which only the SHA-256 is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use common::ids::Sha256;
use tonic::Status;

use super::config::KeyPolicy;
use super::{Principal, unknown};

/// What every key starts with, so that leaked ones are found by scanners.
const PREFIX: &str = "spindle_";

/// Says whether a bearer is a key, rather than a token of an identity provider.
pub fn is_key(bearer: &str) -> bool {
    bearer.starts_with(PREFIX)
}

/// A key that was made just now; it is shown once and kept nowhere.
pub struct NewKey {
    secret: String,
}

impl NewKey {
    /// Makes a key of 256 random bits.
    pub fn make() -> Self {
        let bits: [u8; 32] = rand::random();
        Self {
            secret: format!("{PREFIX}{}", Sha256(bits)),
        }
    }

    /// Returns the key.
    pub fn reveal(&self) -> &str {
        &self.secret
    }

    /// Returns what a policy holds of it.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.secret.as_bytes())
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKey(..)")
    }
}

/// The keys of a policy by their digests.
#[derive(Debug)]
pub struct Keys(BTreeMap<Sha256, KeyPolicy>);

impl Keys {
    /// Takes the keys of a policy.
    pub fn new(keys: &[KeyPolicy]) -> Self {
        Self(keys.iter().map(|key| (key.sha256, key.clone())).collect())
    }

    /// Finds whose key this is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it is unknown or has expired.
    pub fn find(&self, sent: &str) -> Result<Principal, Status> {
        // What is looked up is the digest of a secret, so that times tell nothing about the secret.
        let key = self.0.get(&Sha256::of(sent.as_bytes()));
        let key = key.ok_or_else(|| unknown("the key is not known"))?;
        if key.expires.is_some_and(|end| SystemTime::now() >= end) {
            return Err(unknown("the key has expired"));
        }
        Ok(Principal {
            subject: format!("key:{}", key.name),
            tenant: key.tenant.clone(),
            role: key.role,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::ids::TenantId;

    use super::*;
    use crate::access::Role;

    #[test]
    fn only_a_known_key_that_has_not_expired_opens() {
        let (good, old) = (NewKey::make(), NewKey::make());
        let policy = |name: &str, key: &NewKey, expires| KeyPolicy {
            name: name.to_owned(),
            sha256: key.digest(),
            tenant: Some(TenantId::new("clinic")),
            role: Role::Reader,
            expires,
        };
        let past = SystemTime::now() - Duration::from_secs(1);
        let keys = Keys::new(&[policy("good", &good, None), policy("old", &old, Some(past))]);
        let found = keys.find(good.reveal()).unwrap();
        assert_eq!(
            (found.subject.as_str(), found.role),
            ("key:good", Role::Reader)
        );
        assert!(
            keys.find(old.reveal())
                .unwrap_err()
                .message()
                .contains("expired")
        );
        assert!(keys.find(NewKey::make().reveal()).is_err());
        assert!(is_key(good.reveal()) && !is_key("eyJhbGciOi"));
        assert!(!format!("{good:?}").contains(good.reveal()));
    }
}
