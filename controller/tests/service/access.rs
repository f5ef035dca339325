//! Who may call, and what is there without asking.

use std::os::unix::fs::PermissionsExt;

use controller::config::ConfigError;
use controller::{Bound, Config, Error, Listen};
use proto::v1;
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use tokio::sync::oneshot;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1 as reflection;

use crate::support::{Controller, config, connect, within};

#[tokio::test]
async fn unprotected_tcp_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::under(folder.path());
    config.listen.push(Listen::Tcp {
        address: "127.0.0.1:0".parse().unwrap(),
        insecure: false,
    });
    let (ready, _) = oneshot::channel();
    let refused = controller::run(config, ready, std::future::pending()).await;
    assert!(matches!(
        refused,
        Err(Error::Config(ConfigError::Insecure(_)))
    ));
    assert!(!folder.path().join("state").exists());
}

#[tokio::test]
async fn a_second_controller_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Controller::start(folder.path()).await;
    let (ready, _) = oneshot::channel();
    let second = controller::run(config(folder.path()), ready, std::future::pending()).await;
    assert!(matches!(second, Err(Error::Locked { .. })));
    first.stop().await;
}

#[tokio::test]
async fn all_but_health_asks_for_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    let mut config = Config::under(folder.path());
    config.listen.push(Listen::TcpWithToken {
        address: "127.0.0.1:0".parse().unwrap(),
        token_file: token_file.clone(),
    });
    let controller = Controller::with(config).await;
    let mode = std::fs::metadata(&token_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let channel = controller.channel();
    let mut admin = AdminClient::new(channel.clone());
    let without = admin
        .list_workers(v1::ListWorkersRequest {})
        .await
        .unwrap_err();
    assert_eq!(without.code(), Code::Unauthenticated);
    let token = std::fs::read_to_string(&token_file).unwrap();
    let mut request = Request::new(v1::ListWorkersRequest {});
    let value: MetadataValue<_> = format!("Bearer {}", token.trim()).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    admin.list_workers(request).await.unwrap();
    let health = HealthClient::new(channel)
        .check(HealthCheckRequest {
            service: "spindle.v1.Genomics".to_owned(),
        })
        .await
        .unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);
}

#[tokio::test]
async fn a_socket_is_its_owners_and_the_address_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // What a dead controller left behind is no hindrance.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut config = Config::under(folder.path());
    config.listen.push(Listen::Unix { path: path.clone() });
    config.address_file = Some(folder.path().join("address"));
    let controller = Controller::with(config).await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let address = std::fs::read_to_string(folder.path().join("address")).unwrap();
    assert_eq!(address.trim(), Bound::Unix(path.clone()).to_string());
    let mut genomics = GenomicsClient::new(connect(&Bound::Unix(path)).await);
    genomics
        .list_workflows(v1::ListWorkflowsRequest::default())
        .await
        .unwrap();
    controller.stop().await;
}

#[tokio::test]
async fn reflection_names_the_services() {
    use reflection::server_reflection_client::ServerReflectionClient;
    use reflection::server_reflection_request::MessageRequest;
    use reflection::server_reflection_response::MessageResponse;
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let mut client = ServerReflectionClient::new(controller.channel());
    let request = reflection::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tokio_stream::iter([request]);
    let mut answers = client
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();
    let answer = within("reflection", answers.message())
        .await
        .unwrap()
        .unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list: {answer:?}");
    };
    let names: Vec<_> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in [
        "spindle.v1.Genomics",
        "spindle.worker.v1.Workers",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[tokio::test]
async fn a_controller_whose_lock_is_taken_away_ends() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    std::fs::remove_file(config(folder.path()).state.join("lock")).unwrap();
    let error = controller.failed().await;
    assert!(matches!(error, Error::Deposed), "{error}");
}
