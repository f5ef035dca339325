//! Tokens of people, signed by an identity provider (OpenID Connect Core 1.0; RFC 7519, RFC 8725).

mod provider;

use std::collections::BTreeMap;

use common::ids::TenantId;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use tonic::Status;

use super::config::{AccessError, IssuerPolicy};
use super::{Principal, Role, unknown};
use provider::Provider;

/// How far the clocks of server and provider may differ, in seconds.
const LEEWAY_SECONDS: u64 = 30;
/// The longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 16 << 10;

/// The providers of a policy by their names.
#[derive(Debug)]
pub struct Issuers(BTreeMap<String, Issuer>);

#[derive(Debug)]
struct Issuer {
    policy: IssuerPolicy,
    provider: Provider,
}

type Claims = Map<String, Value>;

impl Issuers {
    /// Takes the providers of a policy; they are asked when the first token comes.
    ///
    /// # Errors
    /// [`AccessError::Provider`] if the way to one cannot be set up.
    pub fn new(policies: &[IssuerPolicy]) -> Result<Self, AccessError> {
        let issuer = |policy: &IssuerPolicy| {
            let provider = Provider::new(policy)?;
            let policy = policy.clone();
            Ok((policy.issuer.clone(), Issuer { policy, provider }))
        };
        Ok(Self(policies.iter().map(issuer).collect::<Result<_, _>>()?))
    }

    /// Checks a token and finds whose it is.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` with the reason.
    pub async fn check(&self, token: &str) -> Result<Principal, Status> {
        if token.len() > TOKEN_BYTES {
            return Err(unknown("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| unknown("the token is malformed"))?;
        let named = claimed_issuer(token).ok_or_else(|| unknown("the token names no issuer"))?;
        let issuer = self.0.get(&named);
        let issuer = issuer.ok_or_else(|| unknown("the issuer of the token is not known"))?;
        if !issuer.policy.algorithms.contains(&header.alg) {
            return Err(unknown("the algorithm of the token is not taken"));
        }
        let key = issuer.provider.key(header.kid.as_deref()).await?;
        issuer.verify(token, header.alg, &key)
    }
}

impl Issuer {
    fn verify(
        &self,
        token: &str,
        algorithm: Algorithm,
        key: &DecodingKey,
    ) -> Result<Principal, Status> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.policy.issuer]);
        validation.set_audience(&[&self.policy.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let verified = decode::<Claims>(token, key, &validation);
        let verified = verified.map_err(|error| unknown(&format!("token refused: {error}")))?;
        self.principal(&verified.claims)
    }

    /// A token without tenant or role gives none: it opens nothing.
    fn principal(&self, claims: &Claims) -> Result<Principal, Status> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let tenant = text(&self.policy.tenant_claim);
        let tenant = tenant.filter(|name| *name == "*" || TenantId::is_name(name));
        let tenant = tenant.ok_or_else(|| unknown("the token names no tenant"))?;
        let role = claims.get(&self.policy.role_claim).cloned();
        let role: Option<Role> = role.and_then(|role| serde_json::from_value(role).ok());
        let role = role.ok_or_else(|| unknown("the token names no role"))?;
        let subject = text("sub").ok_or_else(|| unknown("the token names no subject"))?;
        Ok(Principal {
            subject: format!("oidc:{}#{subject}", self.policy.issuer),
            tenant: (tenant != "*").then(|| TenantId::new(tenant)),
            role,
        })
    }
}

/// Reads who is said to have issued a token, before anything is verified.
fn claimed_issuer(token: &str) -> Option<String> {
    let claims = jsonwebtoken::dangerous::insecure_decode::<Claims>(token).ok()?;
    claims.claims.get("iss")?.as_str().map(str::to_owned)
}
