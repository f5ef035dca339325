//! A port in front of a server whose connections a test can break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The port; it is closed when this is dropped.
pub struct Proxy {
    port: u16,
    swallow: Arc<AtomicBool>,
    up: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Opens a port in front of another one.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let swallow = Arc::new(AtomicBool::new(false));
        let (up, is_up) = watch::channel(true);
        let shared = swallow.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, server, shared.clone(), is_up.clone()));
            }
        });
        Self {
            port,
            swallow,
            up,
            serving,
        }
    }

    /// Returns the name of the cluster behind it.
    pub fn address(&self, prefix: &str) -> String {
        format!("etcd://127.0.0.1:{}/{prefix}", self.port)
    }

    /// The next answer is lost, and the connection with it.
    pub fn lose_next_answer(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }

    /// Says whether that answer has been lost.
    pub fn has_lost_it(&self) -> bool {
        !self.swallow.load(Ordering::SeqCst)
    }

    /// Breaks all connections, and lets new ones through only if `up`.
    pub fn set_up(&self, up: bool) {
        self.up.send_replace(false);
        self.up.send_replace(up);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    server: u16,
    swallow: Arc<AtomicBool>,
    mut up: watch::Receiver<bool>,
) {
    if !*up.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let answers = async {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            // Small frames are settings, pings and windows; an answer is larger.
            let is_answer = read > 64;
            if is_answer && swallow.swap(false, Ordering::SeqCst) {
                return;
            }
            if to_client.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        () = answers => {}
        _ = up.changed() => {}
    }
}
