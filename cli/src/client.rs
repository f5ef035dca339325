//! A connection to any server: TCP or Unix socket, with its token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use hyper_util::rt::TokioIo;
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::exit::{Exit, ended};

/// Where the server is and how to prove who asks.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerArgs {
    /// The server: http://HOST:PORT or unix:SOCKET
    #[arg(long, env = "SPINDLE_SERVER", value_name = "URL")]
    pub server: String,
    /// File with the server's token, as `spindle server` writes it
    #[arg(long, env = "SPINDLE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Adds the token to every request.
#[derive(Debug, Clone, Default)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(
        &mut self,
        mut request: tonic::Request<()>,
    ) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A channel that carries the token.
pub type Connection = InterceptedService<Channel, Token>;

impl ServerArgs {
    /// Connects.
    ///
    /// # Errors
    /// [`Exit::Unavailable`] when the server does not answer.
    pub async fn connect(&self) -> Result<Connection> {
        let token = Token(self.token_file.as_deref().map(read_token).transpose()?);
        let channel = channel(&self.server).await?;
        Ok(InterceptedService::new(channel, token))
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

fn read_token(path: &Path) -> Result<MetadataValue<Ascii>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: token cannot be read", path.display()))?;
    let value = format!("Bearer {}", text.trim());
    value
        .parse()
        .with_context(|| format!("{}: not a token", path.display()))
}

/// Opens a channel to `http://HOST:PORT` or `unix:SOCKET`.
///
/// # Errors
/// [`Exit::Usage`] for another form, [`Exit::Unavailable`] when nothing answers.
pub async fn channel(server: &str) -> Result<Channel> {
    const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
    let not_reachable = |reason: &dyn std::error::Error| {
        let mut cause = reason;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        ended(
            Exit::Unavailable,
            format!("{server}: server not reachable: {cause}"),
        )
    };
    if let Some(socket) = server.strip_prefix("unix:") {
        let socket = PathBuf::from(socket);
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move {
                tokio::net::UnixStream::connect(socket)
                    .await
                    .map(TokioIo::new)
            }
        });
        let endpoint = Endpoint::from_static("http://spindle.socket");
        let endpoint = endpoint.connect_timeout(CONNECT_DEADLINE);
        let connected = endpoint.connect_with_connector(connector).await;
        return connected.map_err(|error| not_reachable(&error));
    }
    if !server.starts_with("http://") {
        let message = format!("{server}: not a server: http://HOST:PORT or unix:SOCKET");
        return Err(ended(Exit::Usage, message));
    }
    let endpoint = Endpoint::from_shared(server.to_owned())
        .map_err(|error| ended(Exit::Usage, format!("{server}: {error}")))?;
    let endpoint = endpoint.connect_timeout(CONNECT_DEADLINE).tcp_nodelay(true);
    endpoint
        .connect()
        .await
        .map_err(|error| not_reachable(&error))
}
