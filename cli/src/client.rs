//! A connection to any server: TCP or Unix socket, with its token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use common::auth::Bearer;
use common::tls::{ClientTls, TlsConnector};
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::exit::{Exit, ended};
use crate::server_args::ClientTlsArgs;

/// Where the server is and how to prove who asks.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerArgs {
    /// The server: https://HOST:PORT, http://HOST:PORT or unix:SOCKET
    #[arg(long, env = "SPINDLE_SERVER", value_name = "URL")]
    pub server: String,
    /// File with the server's token as `spindle server` writes it, a key, or a token of an identity
    /// provider
    #[arg(long, env = "SPINDLE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: ClientTlsArgs,
}

/// A channel that carries the token.
pub type Connection = InterceptedService<Channel, Bearer>;

impl ServerArgs {
    /// Connects.
    ///
    /// # Errors
    /// [`Exit::Unavailable`] when the server does not answer.
    pub async fn connect(&self) -> Result<Connection> {
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        connect(&self.server, token.as_deref(), self.tls.of(&self.server)?).await
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

/// Connects to `https://HOST:PORT`, `http://HOST:PORT` or `unix:SOCKET`.
///
/// # Errors
/// [`Exit::Usage`] for another form, [`Exit::Unavailable`] when nothing answers.
pub async fn connect(
    server: &str,
    token: Option<&str>,
    tls: Option<ClientTls>,
) -> Result<Connection> {
    const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
    let forms = ["https://", "http://", "unix:"];
    if !forms.iter().any(|form| server.starts_with(form)) {
        let message = format!("{server}: not a server: https://HOST:PORT or unix:SOCKET");
        return Err(ended(Exit::Usage, message));
    }
    let token = Bearer::new(token).map_err(|error| ended(Exit::Usage, error.to_string()))?;
    // The connector speaks TLS: the endpoint must not try it again.
    let plain = server.replacen("https://", "http://", 1);
    let endpoint = Endpoint::from_shared(plain)
        .map_err(|error| ended(Exit::Usage, format!("{server}: {error}")))?;
    let endpoint = endpoint.connect_timeout(CONNECT_DEADLINE).tcp_nodelay(true);
    let channel = match tls {
        None => endpoint.connect().await,
        Some(tls) => {
            tls.load()
                .map_err(|error| ended(Exit::Usage, error.to_string()))?;
            endpoint.connect_with_connector(TlsConnector(tls)).await
        }
    };
    let channel = channel.map_err(|error| not_reachable(server, &error))?;
    Ok(InterceptedService::new(channel, token))
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
