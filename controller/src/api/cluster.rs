//! Who leads, and the way there for what only the leader can answer.

use std::path::Path;
use std::time::Duration;

use common::ids::Epoch;
use common::tls::{ClientTls, TlsConnector};
use common::wire::status::refusal;
use proto::v1;
use proto::v1::admin_client::AdminClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Extensions, Request, Status};

use super::{Api, not_leader, unavailable};
use crate::actors::NoAnswer;
use crate::state::StoreError;
use crate::state::etcd::election::{Members, members as registered};

/// How long it may take to reach the leader, and to hear from it.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The header that proves who asks.
const AUTHORIZATION: &str = "authorization";

/// Returns the controllers of this cluster.
pub async fn members(api: &Api) -> Result<v1::Cluster, Status> {
    let Members { leader, replicas } = match &api.standing.cluster {
        Some(connection) => registered(connection).await.map_err(away)?,
        None => {
            let address = api.standing.address.clone();
            Members {
                leader: Some((address.clone(), api.control()?.epoch)),
                replicas: vec![address],
            }
        }
    };
    let (leader, Epoch(epoch)) = leader.unwrap_or_default();
    let replica = |address: String| v1::Replica {
        leads: address == leader,
        address,
    };
    Ok(v1::Cluster {
        replicas: replicas.into_iter().map(replica).collect(),
        leader,
        epoch,
        workers: Vec::new(),
    })
}

/// Returns a way to the leader, unless this controller is it.
pub async fn elsewhere(api: &Api) -> Result<Option<AdminClient<Channel>>, Status> {
    Ok(leader(api).await?.map(AdminClient::new))
}

/// Returns a connection to the leader, unless this controller is it.
pub async fn leader(api: &Api) -> Result<Option<Channel>, Status> {
    let Some(connection) = &api.standing.cluster else {
        return Ok(None);
    };
    if api.handles.borrow().is_some() {
        return Ok(None);
    }
    let leader = registered(connection).await.map_err(away)?.leader;
    let (address, _) = leader.ok_or_else(not_leader)?;
    if address == api.standing.address {
        // It was elected just now.
        return Err(unavailable(NoAnswer));
    }
    Ok(Some(reach(&address, api.peer_ca.as_deref()).await?))
}

/// Connects to another controller. It shows no certificate there: who asks is proven by what is handed on.
async fn reach(address: &str, ca: Option<&Path>) -> Result<Channel, Status> {
    let endpoint = |address: String| {
        let endpoint = Endpoint::from_shared(address).map_err(|_| not_leader())?;
        let endpoint = endpoint.connect_timeout(CONNECT_WITHIN);
        Ok::<_, Status>(endpoint.timeout(ANSWER_WITHIN))
    };
    let connected = match (address.strip_prefix("https://"), ca) {
        (None, _) => endpoint(address.to_owned())?.connect().await,
        (Some(place), Some(ca)) => {
            let tls = ClientTls {
                ca: ca.to_owned(),
                identity: None,
            };
            let endpoint = endpoint(format!("http://{place}"))?;
            endpoint.connect_with_connector(TlsConnector(tls)).await
        }
        (Some(_), None) => {
            let message = format!("{address} leads, and no --peer-ca vouches for it here");
            let retry = Some(CONNECT_WITHIN);
            return Err(refusal(Code::Unavailable, "NOT_LEADER", &message, retry));
        }
    };
    connected.map_err(|error| {
        tracing::warn!(
            address,
            error = &error as &dyn std::error::Error,
            "the leader is not reached"
        );
        not_leader()
    })
}

/// Returns a request as it is handed on: what proves who asks goes with it, nothing else.
pub fn forwarded<T>(request: Request<T>) -> Request<T> {
    let (mut metadata, _, message) = request.into_parts();
    let proof = metadata.remove(AUTHORIZATION);
    metadata.clear();
    if let Some(proof) = proof {
        metadata.insert(AUTHORIZATION, proof);
    }
    Request::from_parts(metadata, Extensions::default(), message)
}

fn away(error: StoreError) -> Status {
    tracing::warn!(%error, "who leads is not known");
    unavailable(NoAnswer)
}
