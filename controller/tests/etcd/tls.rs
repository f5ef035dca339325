//! An etcd that wants certificates.

use std::path::Path;
use std::process::{Child, Stdio};

use common::tls::{ClientTls, Identity};
use controller::state::StoreError;
use controller::state::etcd::{Address, Connection, EtcdStore};

use crate::authority::{Authority, identity};
use crate::server::{free_ports, member};
use crate::{blocking, within};

/// Kills the server when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a server that shows `own` and lets in whom the authority vouches for.
fn serve(folder: &Path, port: u16, own: &Identity, authority: &Authority) -> Server {
    let (url, peer) = (
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", free_ports(1)[0]),
    );
    let mut command = member("m", &url, &peer, &folder.join("etcd"));
    command.args(["--initial-cluster", &format!("m={peer}")]);
    command.arg("--cert-file").arg(&own.certificate);
    command.arg("--key-file").arg(&own.key);
    command.arg("--trusted-ca-file").arg(&authority.file);
    command.arg("--client-cert-auth").stderr(Stdio::null());
    Server(
        command
            .spawn()
            .expect("the Debian package etcd-server is installed"),
    )
}

async fn open(address: Address) -> Result<(), StoreError> {
    let runtime = tokio::runtime::Handle::current();
    blocking(move || EtcdStore::open(Connection::new(&address, runtime)?).map(drop)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_opened_over_tls_with_the_right_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let [server, client] = ["server", "client"].map(|name| {
        let identity = identity(folder.path(), name);
        authority.vouch(&identity);
        identity
    });
    let port = free_ports(1)[0];
    let _server = serve(folder.path(), port, &server, &authority);
    let address: Address = format!("etcd://127.0.0.1:{port}/a").parse().unwrap();
    let with = |ca: &Path, identity: Option<Identity>| Address {
        tls: Some(ClientTls {
            ca: ca.to_owned(),
            identity,
        }),
        ..address.clone()
    };
    within("etcd", async {
        while open(with(&authority.file, Some(client.clone())))
            .await
            .is_err()
        {}
    })
    .await;
    let broken = folder.path().join("missing.pem");
    let refused = open(with(&broken, None)).await.unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("missing.pem"), "{source}");
    let rogue = Authority::new(folder.path(), "rogue");
    // Each is tried again for a while, as long as the members may only be away.
    let opened = tokio::join!(
        open(with(&rogue.file, Some(client))),
        open(with(&authority.file, None)),
        open(address),
    );
    assert!(opened.0.is_err() && opened.1.is_err() && opened.2.is_err());
}
