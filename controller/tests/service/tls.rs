//! TLS: workers come with certificates, everyone else with keys; certificates change on the run.

use std::path::Path;
use std::time::Duration;

use common::tls::{ClientTls, Identity, ServerTls, TlsConnector};
use controller::access::{NewKey, Policy};
use controller::{Bound, Cluster, Config, Listen};
use proto::v1;
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use proto::worker::v1 as wire;
use proto::worker::v1::objects_client::ObjectsClient;
use tokio::sync::oneshot;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::authority::{Authority, identity};
use crate::etcd::Etcd;
use crate::support::within;

/// A controller with TLS and an empty policy, and the authorities of both sides.
struct Secured {
    folder: tempfile::TempDir,
    address: String,
    server: Identity,
    public: Authority,
    workers: Authority,
    _stop: oneshot::Sender<()>,
}

impl Secured {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let public = Authority::new(folder.path(), "public");
        let workers = Authority::new(folder.path(), "workers");
        let server = identity(folder.path(), "server");
        public.vouch(&server);
        let mut config = Config::under(folder.path().join("controller"));
        config.policy = Some(Policy::default());
        config.listen.push(Listen::Tls {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: ServerTls {
                identity: server.clone(),
                client_ca: Some(workers.file.clone()),
            },
        });
        let (address, stop) = start(config).await;
        Self {
            folder,
            address,
            server,
            public,
            workers,
            _stop: stop,
        }
    }

    async fn connect(
        &self,
        ca: &Path,
        identity: Option<Identity>,
    ) -> Result<Channel, tonic::transport::Error> {
        connect(&self.address, ca, identity).await
    }
}

/// Starts a controller with TLS; it ends when the sender is dropped.
async fn start(config: Config) -> (String, oneshot::Sender<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, ready) = oneshot::channel();
    tokio::spawn(controller::run(config, tell, async {
        let _ = stopped.await;
    }));
    let Bound::Tls(address) = within("start", ready).await.unwrap().bound[0] else {
        panic!("not over TLS");
    };
    (address.to_string(), stop)
}

async fn connect(
    address: &str,
    ca: &Path,
    identity: Option<Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let tls = ClientTls {
        ca: ca.to_owned(),
        identity,
    };
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect_with_connector(TlsConnector(tls)).await
}

async fn list_objects(channel: Channel) -> Code {
    let request = wire::ListRequest::default();
    let answer = ObjectsClient::new(channel).list(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

async fn list_workflows(channel: Channel) -> Code {
    let request = v1::ListWorkflowsRequest::default();
    let answer = GenomicsClient::new(channel).list_workflows(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_worker_gets_in_by_its_certificate_and_does_nothing_else() {
    let secured = Secured::start().await;
    let own = identity(secured.folder.path(), "worker");
    secured.workers.vouch(&own);
    let channel = secured
        .connect(&secured.public.file, Some(own))
        .await
        .unwrap();
    assert_eq!(list_objects(channel.clone()).await, Code::Ok);
    assert_eq!(list_workflows(channel).await, Code::PermissionDenied);
    let nobody = secured.connect(&secured.public.file, None).await.unwrap();
    assert_eq!(list_objects(nobody.clone()).await, Code::Unauthenticated);
    assert_eq!(list_workflows(nobody).await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_certificate_of_another_authority_opens_nothing() {
    let secured = Secured::start().await;
    let forged = identity(secured.folder.path(), "forged");
    Authority::new(secured.folder.path(), "rogue").vouch(&forged);
    let connected = secured.connect(&secured.public.file, Some(forged)).await;
    // TLS 1.3 refuses a client's certificate after the client has finished its part.
    let code = match connected {
        Ok(channel) => list_objects(channel).await,
        Err(_) => Code::Unavailable,
    };
    assert!(
        matches!(code, Code::Unavailable | Code::Unknown),
        "{code:?}"
    );
    // Nor does a client trust a server that its authority does not know.
    assert!(secured.connect(&secured.workers.file, None).await.is_err());
    let plain = Endpoint::from_shared(format!("http://{}", secured.address)).unwrap();
    let code = match plain.connect().await {
        Ok(channel) => list_objects(channel).await,
        Err(_) => Code::Unavailable,
    };
    assert_ne!(code, Code::Ok);
}

#[tokio::test]
async fn new_certificates_count_without_a_restart() {
    let secured = Secured::start().await;
    let next = Authority::new(secured.folder.path(), "next");
    next.vouch(&secured.server);
    within("reload", async {
        while secured.connect(&next.file, None).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(secured.connect(&secured.public.file, None).await.is_err());
    // Files that are broken change nothing.
    std::fs::write(&secured.server.certificate, "broken").unwrap();
    let channel = secured.connect(&next.file, None).await.unwrap();
    assert_eq!(list_workflows(channel).await, Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_asks_the_leader_over_tls_if_it_knows_whom_to_trust() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let authority = Authority::new(folder.path(), "public");
    let server = identity(folder.path(), "server");
    authority.vouch(&server);
    let key = NewKey::make();
    let policy = folder.path().join("policy.yaml");
    let keys = format!(
        "tenants: []\nkeys: [{{name: operates, tenant: '*', role: operator, sha256: {}}}]\n",
        key.digest()
    );
    std::fs::write(&policy, keys).unwrap();
    let mut started = Vec::new();
    for (name, peer_ca) in [
        ("leads", None),
        ("trusts", Some(authority.file.clone())),
        ("does-not", None),
    ] {
        let mut config = Config::under(folder.path().join(name));
        config.cluster = Some(Cluster {
            etcd: etcd.address("a").parse().unwrap(),
            lease: Duration::from_secs(5),
            advertise: None,
        });
        config.policy = Some(Policy::read(&policy).unwrap());
        config.peer_ca = peer_ca;
        config.listen.push(Listen::Tls {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: ServerTls {
                identity: server.clone(),
                client_ca: None,
            },
        });
        let controller = start(config).await;
        let channel = connect(&controller.0, &authority.file, None).await.unwrap();
        if name == "leads" {
            within("leadership", async {
                while list_workers(&channel, &key).await.is_err() {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        started.push((channel, controller));
    }
    list_workers(&started[1].0, &key).await.unwrap();
    let refused = list_workers(&started[2].0, &key).await.unwrap_err();
    assert!(refused.message().contains("--peer-ca"), "{refused}");
}

async fn list_workers(channel: &Channel, key: &NewKey) -> Result<(), tonic::Status> {
    let mut request = tonic::Request::new(v1::ListWorkersRequest {});
    let bearer = format!("Bearer {}", key.reveal()).parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let answer = AdminClient::new(channel.clone())
        .list_workers(request)
        .await;
    answer.map(drop)
}
