//! The client: endpoint, region and credentials as the environment, a profile or a request say.

use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls;
use common::backoff::Backoff;
use common::s3_login::S3Login;
use common::secret::Secret;
use tokio::sync::OnceCell;

use super::Bucket;
use super::probe::Capabilities;
use crate::Patience;

/// The region where nothing says one: other servers than AWS do not care.
const REGION: &str = "us-east-1";
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Set to `false` where a custom endpoint wants the bucket in the host name, to `true` where AWS
/// is to get it in the path.
const PATH_STYLE: &str = "SPINDLE_S3_PATH_STYLE";

/// How requests are made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How passing faults are met.
    pub patience: Patience,
    /// Time without an answer, or without a byte of one, after which a request is given up.
    pub stall: Duration,
    /// Size of a part of an upload, but for its last one; at least 5 MiB.
    pub part_bytes: usize,
    /// Parts on their way at once.
    pub parts_at_once: usize,
}

impl Default for Options {
    fn default() -> Self {
        let backoff = Backoff {
            first: Duration::from_millis(200),
            cap: Duration::from_secs(10),
        };
        Self {
            patience: Patience { backoff, tries: 10 },
            stall: Duration::from_secs(60),
            part_bytes: 16 << 20,
            parts_at_once: 3,
        }
    }
}

/// The buckets of one server; clones share connections and credentials.
#[derive(Debug, Clone)]
pub struct Connection {
    client: Client,
    options: Options,
}

impl Connection {
    /// Connects as the environment says: `AWS_ENDPOINT_URL`, `AWS_REGION`, and credentials from
    /// variables, a profile, a web identity, or the machine. Nothing is sent yet.
    pub async fn from_environment(options: Options) -> Self {
        let set = |names: &[&str]| names.iter().any(|name| std::env::var_os(name).is_some());
        let custom = set(&["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]);
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http(None));
        if custom && !set(&["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) {
            // Else the machine would be asked, which takes seconds where it is none of AWS.
            loader = loader.region(Region::from_static(REGION));
        }
        let shared = loader.load().await;
        let endpoint = endpoint_of_environment();
        let mut config = Builder::from(&shared).http_client(http(endpoint.as_deref()));
        if shared.region().is_none() {
            config = config.region(Region::from_static(REGION));
        }
        let is_custom = custom || shared.endpoint_url().is_some();
        let path_style = match std::env::var(PATH_STYLE) {
            Ok(text) => text != "false",
            Err(_) => is_custom,
        };
        Self::of(config, path_style, options)
    }

    /// Connects with a login that came with a request; to the server of the environment if the login
    /// names none. Nothing is sent yet.
    pub fn with_login(login: &S3Login, options: Options) -> Self {
        let S3Login {
            access_key,
            secret_key,
            session_token,
            endpoint,
            region,
        } = login;
        let token = session_token.as_ref().map(Secret::expose);
        let credentials = Credentials::new(
            access_key,
            secret_key.expose(),
            token.map(str::to_owned),
            None,
            "of the request",
        );
        let endpoint = endpoint.clone().or_else(endpoint_of_environment);
        let region = region.clone().unwrap_or_else(|| REGION.to_owned());
        let mut config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http(endpoint.as_deref()))
            .region(Region::new(region))
            .credentials_provider(credentials);
        if let Some(url) = &endpoint {
            config = config.endpoint_url(url);
        }
        Self::of(config, endpoint.is_some(), options)
    }

    /// Sets what is the same for every server. We try again ourselves: the SDK's own retries do
    /// not go on at the last byte.
    fn of(config: Builder, path_style: bool, options: Options) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(options.stall)
            .build();
        let config = config
            .force_path_style(path_style)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // Trailing checksums are unknown to many servers; ours travel in headers.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self {
            client: Client::from_conf(config),
            options,
        }
    }

    /// Returns a bucket.
    pub fn bucket(&self, name: impl Into<String>) -> Bucket {
        Bucket {
            client: self.client.clone(),
            name: name.into(),
            options: self.options,
            capabilities: Capabilities::default(),
        }
    }
}

fn endpoint_of_environment() -> Option<String> {
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    names.iter().find_map(|name| std::env::var(name).ok())
}

/// The connection that the environment describes, made when it is first needed; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    options: Options,
    connection: Arc<OnceCell<Connection>>,
}

impl Environment {
    /// Takes the options of the connection.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            connection: Arc::default(),
        }
    }

    /// Takes the place of the environment with a login that came with a request.
    #[must_use]
    pub fn by(&self, login: &S3Login) -> Self {
        let connection = Connection::with_login(login, self.options);
        Self {
            options: self.options,
            connection: Arc::new(OnceCell::new_with(Some(connection))),
        }
    }

    /// Returns the connection.
    pub async fn connection(&self) -> &Connection {
        let connect = || Connection::from_environment(self.options);
        self.connection.get_or_init(connect).await
    }

    /// Returns a bucket.
    pub async fn bucket(&self, name: &str) -> Bucket {
        self.connection().await.bucket(name)
    }
}

/// Makes the HTTP client: the one TLS and crypto stack of the whole program, unless the endpoint
/// does without.
fn http(endpoint: Option<&str>) -> SharedHttpClient {
    if endpoint.is_some_and(|url| url.starts_with("http://")) {
        return aws_smithy_http_client::Builder::new().build_http();
    }
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::AwsLc,
        ))
        .build_https()
}
