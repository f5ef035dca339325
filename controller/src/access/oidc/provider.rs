//! The public keys of an identity provider, kept for a while.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::wire::status::refusal;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use tokio::sync::Mutex;
use tonic::{Code, Status};

use super::super::config::{AccessError, IssuerPolicy};
use super::super::unknown;

/// How long keys are kept, and the time between two questions for a key that is not among them.
const KEEP: Duration = Duration::from_secs(3600);
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long the provider may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// An identity provider and its keys.
pub struct Provider {
    issuer: String,
    client: reqwest::Client,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, DecodingKey>,
    asked: Option<Instant>,
}

/// OpenID Connect Discovery 1.0, section 3.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Provider {
    /// Sets up the way to a provider.
    ///
    /// # Errors
    /// [`AccessError::Provider`] if it could be listened to, or its certificates cannot be read.
    pub fn new(policy: &IssuerPolicy) -> Result<Self, AccessError> {
        let client = client(policy).map_err(|source| AccessError::Provider {
            issuer: policy.issuer.clone(),
            source,
        })?;
        Ok(Self {
            issuer: policy.issuer.clone(),
            client,
            keys: Mutex::default(),
        })
    }

    /// Returns the key of this id. One that is not known may be new: the provider is asked.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if there is none, `UNAVAILABLE` if the provider does not answer.
    pub async fn key(&self, id: Option<&str>) -> Result<DecodingKey, Status> {
        let mut keys = self.keys.lock().await;
        let age = keys.asked.map(|asked| asked.elapsed());
        let is_fresh = age.is_some_and(|age| age < KEEP);
        let known = keys.find(id).filter(|_| is_fresh);
        if let Some(key) = known {
            return Ok(key);
        }
        if age.is_none_or(|age| age >= ASK_EVERY) {
            keys.asked = Some(Instant::now());
            match self.fetch().await {
                Ok(found) => keys.by_id = found,
                Err(error) => {
                    tracing::warn!(issuer = self.issuer, %error, "identity provider does not answer");
                    let message = "the identity provider does not answer";
                    let wait = Some(ASK_EVERY);
                    return Err(refusal(
                        Code::Unavailable,
                        "IDENTITY_PROVIDER",
                        message,
                        wait,
                    ));
                }
            }
        }
        keys.find(id)
            .ok_or_else(|| unknown("the key of the token is not known"))
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, reqwest::Error> {
        let place = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let found: Discovery = self.get(&place).await?;
        if found.issuer != self.issuer {
            tracing::warn!(
                issuer = self.issuer,
                says = found.issuer,
                "the provider has another name"
            );
            return Ok(HashMap::new());
        }
        let set: JwkSet = self.get(&found.jwks_uri).await?;
        let key = |jwk: &jsonwebtoken::jwk::Jwk| {
            let id = jwk.common.key_id.clone().unwrap_or_default();
            Some((id, DecodingKey::from_jwk(jwk).ok()?))
        };
        Ok(set.keys.iter().filter_map(key).collect())
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, place: &str) -> Result<T, reqwest::Error> {
        let answer = self.client.get(place).send().await?;
        answer.error_for_status()?.json().await
    }
}

impl Keys {
    /// A token without id is of the only key.
    fn find(&self, id: Option<&str>) -> Option<DecodingKey> {
        match id {
            Some(id) => self.by_id.get(id).cloned(),
            None if self.by_id.len() == 1 => self.by_id.values().next().cloned(),
            None => None,
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

type Obstacle = Box<dyn std::error::Error + Send + Sync>;

fn client(policy: &IssuerPolicy) -> Result<reqwest::Client, Obstacle> {
    let place = reqwest::Url::parse(&policy.issuer)?;
    let is_local = place.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    });
    if place.scheme() != "https" && !is_local {
        return Err("its keys would travel unprotected: it must be https".into());
    }
    common::tls::install_provider();
    let mut builder = reqwest::Client::builder().timeout(ANSWER_WITHIN);
    if let Some(ca) = &policy.ca {
        for certificate in reqwest::Certificate::from_pem_bundle(&std::fs::read(ca)?)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    Ok(builder.build()?)
}
