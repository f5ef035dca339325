//! Tokens of an identity provider: a good one opens, and none of the known forgeries does.

use std::time::{SystemTime, UNIX_EPOCH};

use controller::access::Policy;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proto::v1;
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::Code;

use crate::security::signed;
use crate::support::{Controller, config};

/// `{"alg":"none","typ":"JWT"}`
const ALG_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// An identity provider with one key.
struct Provider {
    issuer: String,
    key: EncodingKey,
    public_pem: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn key_pair() -> (EncodingKey, String) {
    let pair = KeyPair::generate().unwrap();
    let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    (key, pair.public_key_pem())
}

impl Provider {
    async fn start() -> Self {
        let (key, public_pem) = key_pair();
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("k1".to_owned());
        let keys = JwkSet { keys: vec![jwk] };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let answers = (discovery.to_string(), serde_json::to_string(&keys).unwrap());
        let server = tokio::spawn(serve(listener, answers));
        Self {
            issuer,
            key,
            public_pem,
            server,
        }
    }

    /// The claims of a good token.
    fn claims(&self) -> Value {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        json!({
            "iss": self.issuer, "aud": "spindle", "sub": "alice", "exp": now + 600,
            "spindle_tenant": "clinic", "spindle_role": "submitter",
        })
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("k1".to_owned());
        encode(&header, claims, &self.key).unwrap()
    }
}

/// Answers HTTP/1.1, one request a connection.
async fn serve(listener: TcpListener, (discovery, keys): (String, String)) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap_or(0);
        let is_keys = request[..read].starts_with(b"GET /keys");
        let body = if is_keys { &keys } else { &discovery };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        let _ = stream.write_all((head + body).as_bytes()).await;
    }
}

async fn start(provider: &Provider) -> (tempfile::TempDir, Controller) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let text = format!(
        "oidc: [{{issuer: '{}', audience: spindle}}]",
        provider.issuer
    );
    std::fs::write(&file, text).unwrap();
    let mut config = config(folder.path());
    config.policy = Some(Policy::read(&file).unwrap());
    (folder, Controller::with(config).await)
}

async fn try_token(controller: &Controller, token: &str) -> Code {
    let request = signed(token, v1::ListWorkflowsRequest::default());
    let answer = controller.genomics().list_workflows(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_good_token_opens_and_forgeries_do_not() {
    let provider = Provider::start().await;
    let (_folder, controller) = start(&provider).await;
    let good = provider.sign(&provider.claims());
    assert_eq!(try_token(&controller, &good).await, Code::Ok);

    let changed = |name: &str, value: Value| {
        let mut claims = provider.claims();
        claims[name] = value;
        provider.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = provider.claims();
        claims.as_object_mut().unwrap().remove(name);
        provider.sign(&claims)
    };
    let mut parts = good.split('.');
    let (header, body) = (parts.next().unwrap(), parts.next().unwrap());
    let mut hs256 = Header::new(Algorithm::HS256);
    hs256.kid = Some("k1".to_owned());
    let public = EncodingKey::from_secret(provider.public_pem.as_bytes());
    let mut unknown_key = Header::new(Algorithm::ES256);
    unknown_key.kid = Some("k2".to_owned());
    let (stranger, _) = key_pair();
    let mut known_key = Header::new(Algorithm::ES256);
    known_key.kid = Some("k1".to_owned());
    let forgeries = [
        ("expired", changed("exp", json!(1_000_000))),
        ("wrong audience", changed("aud", json!("other"))),
        ("wrong issuer", changed("iss", json!("https://id.example"))),
        ("not yet", changed("nbf", json!(4_000_000_000_u64))),
        ("no expiry", without("exp")),
        ("no audience", without("aud")),
        ("no tenant", without("spindle_tenant")),
        ("no role", without("spindle_role")),
        ("odd tenant", changed("spindle_tenant", json!("../x"))),
        ("unknown role", changed("spindle_role", json!("root"))),
        ("alg none", format!("{ALG_NONE}.{body}.")),
        ("no signature", format!("{header}.{body}.")),
        (
            "key confusion",
            encode(&hs256, &provider.claims(), &public).unwrap(),
        ),
        (
            "unknown key",
            encode(&unknown_key, &provider.claims(), &provider.key).unwrap(),
        ),
        (
            "other key",
            encode(&known_key, &provider.claims(), &stranger).unwrap(),
        ),
        ("too long", format!("{good}{}", "x".repeat(20_000))),
    ];
    for (what, token) in forgeries {
        let code = try_token(&controller, &token).await;
        assert_eq!(code, Code::Unauthenticated, "{what}");
    }
}

#[tokio::test]
async fn a_provider_that_is_away_is_no_open_door() {
    let provider = Provider::start().await;
    let (_folder, controller) = start(&provider).await;
    let good = provider.sign(&provider.claims());
    provider.server.abort();
    let code = try_token(&controller, &good).await;
    assert!(
        matches!(code, Code::Unavailable | Code::Unauthenticated),
        "{code:?}"
    );
}
