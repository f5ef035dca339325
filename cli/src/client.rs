//! A connection to any server: TCP or Unix socket, with its token.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use common::auth::Bearer;
use common::servers::{Present, Servers, addresses};
use common::tls::{ClientTls, TlsConnector};
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Code, Response, Status};

use crate::exit::{Exit, ended, refused};
use crate::server_args::ClientTlsArgs;

/// Where the server is and how to prove who asks.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerArgs {
    /// The server: https://HOST:PORT, http://HOST:PORT or unix:SOCKET; several of one cluster with
    /// commas between
    #[arg(long, env = "SPINDLE_SERVER", value_name = "URL")]
    pub server: String,
    /// File with the server's token as `spindle server` writes it, a key, or a token of an identity
    /// provider
    #[arg(long, env = "SPINDLE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: ClientTlsArgs,
}

/// A way to the servers that carries the token.
pub type Connection = InterceptedService<Servers, Bearer>;

/// How long a call is made again while none of several servers answers, and the pause before.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

impl ServerArgs {
    /// Connects.
    ///
    /// # Errors
    /// [`Exit::Unavailable`] when the server does not answer.
    pub async fn connect(&self) -> Result<Connection> {
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        connect(&self.server, token.as_deref(), self.tls.of(&self.server)?).await
    }

    /// Makes a call, and again while none of several servers can answer it: it must do no harm twice.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn call<T, F>(&self, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let several = addresses(&self.server).nth(1).is_some();
        let begun = Instant::now();
        loop {
            match call().await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) if several && is_passing(&status) && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(status) => return Err(refused(&status)),
            }
        }
    }

    /// Connects to the public service.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn genomics(&self) -> Result<GenomicsClient<Connection>> {
        Ok(genomics(self.connect().await?))
    }

    /// Connects to the service that runs the pool.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn admin(&self) -> Result<AdminClient<Connection>> {
        Ok(AdminClient::new(self.connect().await?))
    }
}

/// Wraps a connection as the public service.
pub fn genomics(connection: Connection) -> GenomicsClient<Connection> {
    const MESSAGE_BYTES: usize = 64 << 20;
    GenomicsClient::new(connection).max_decoding_message_size(MESSAGE_BYTES)
}

/// Reads the token of a server from its file.
///
/// # Errors
/// If it cannot be read.
pub fn read_token(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: token cannot be read", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Connects to `https://HOST:PORT`, `http://HOST:PORT` or `unix:SOCKET`, or to the first that answers
/// of several.
///
/// # Errors
/// [`Exit::Usage`] for another form, [`Exit::Unavailable`] when nothing answers.
pub async fn connect(
    list: &str,
    token: Option<&str>,
    tls: Option<ClientTls>,
) -> Result<Connection> {
    let token = Bearer::new(token).map_err(|error| ended(Exit::Usage, error.to_string()))?;
    if let Some(tls) = &tls {
        tls.load()
            .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    }
    let endpoints: Vec<Endpoint> = addresses(list).map(endpoint).collect::<Result<_>>()?;
    let mut channels = Vec::new();
    let mut first_failure = Err(ended(Exit::Usage, "no server is named"));
    let mut is_reached = false;
    for (endpoint, server) in endpoints.iter().zip(addresses(list)) {
        let connector = tls.clone().map(TlsConnector);
        let connected = match connector.clone() {
            None => endpoint.connect().await,
            Some(tls) => endpoint.connect_with_connector(tls).await,
        };
        match connected {
            // Calls go to the first one.
            Ok(channel) if !is_reached => {
                is_reached = true;
                channels.insert(0, channel);
            }
            Ok(channel) => channels.push(channel),
            Err(error) => {
                if channels.is_empty() {
                    first_failure = Err(not_reachable(server, &error));
                }
                channels.push(match connector {
                    None => endpoint.connect_lazy(),
                    Some(tls) => endpoint.connect_with_connector_lazy(tls),
                });
            }
        }
    }
    if !is_reached {
        return first_failure;
    }
    let servers = Servers::new(channels, Present::default());
    Ok(InterceptedService::new(servers, token))
}

fn endpoint(server: &str) -> Result<Endpoint> {
    const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
    let forms = ["https://", "http://", "unix:"];
    if !forms.iter().any(|form| server.starts_with(form)) {
        let message = format!("{server}: not a server: https://HOST:PORT or unix:SOCKET");
        return Err(ended(Exit::Usage, message));
    }
    // The connector speaks TLS: the endpoint must not try it again.
    let plain = server.replacen("https://", "http://", 1);
    let endpoint = Endpoint::from_shared(plain)
        .map_err(|error| ended(Exit::Usage, format!("{server}: {error}")))?;
    Ok(endpoint.connect_timeout(CONNECT_DEADLINE).tcp_nodelay(true))
}

/// Says whether another server, or the same one later, may answer.
fn is_passing(status: &Status) -> bool {
    // A connection that breaks is unknown or cancelled to who waits for an answer.
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled
    )
}

fn not_reachable(server: &str, error: &tonic::transport::Error) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    ended(
        Exit::Unavailable,
        format!("{server}: server not reachable: {cause}"),
    )
}
