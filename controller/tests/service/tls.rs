//! TLS: workers come with certificates, everyone else with keys; certificates change on the run.

use std::path::{Path, PathBuf};

use common::tls::{ClientTls, Identity, ServerTls, TlsConnector};
use controller::access::Policy;
use controller::{Bound, Config, Listen};
use proto::v1;
use proto::v1::genomics_client::GenomicsClient;
use proto::worker::v1 as wire;
use proto::worker::v1::objects_client::ObjectsClient;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::sync::oneshot;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::support::within;

/// An authority whose certificate is in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, file }
    }

    /// Writes a certificate for this machine, and its key.
    fn vouch(&self, identity: &Identity) {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        std::fs::write(&identity.certificate, certificate.pem()).unwrap();
    }
}

fn identity(folder: &Path, name: &str) -> Identity {
    Identity {
        certificate: folder.join(format!("{name}-cert.pem")),
        key: folder.join(format!("{name}-key.pem")),
    }
}

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
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, ready) = oneshot::channel();
        tokio::spawn(controller::run(config, tell, async {
            let _ = stopped.await;
        }));
        let Bound::Tls(address) = within("start", ready).await.unwrap().bound[0] else {
            panic!("not over TLS");
        };
        Self {
            folder,
            address: address.to_string(),
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
        let tls = ClientTls {
            ca: ca.to_owned(),
            identity,
        };
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect_with_connector(TlsConnector(tls)).await
    }
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
