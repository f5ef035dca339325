//! The pool of workers.

use common::ids::WorkerId;
use proto::v1;
use proto::v1::admin_server::Admin;
use tonic::{Extensions, Request, Response, Status};

use super::callers::caller;
use super::view::timestamp;
use super::{Api, cluster, not_found, unavailable};
use crate::actors::now_ms;
use crate::actors::scheduler::{Availability, Seat};

/// The service.
#[derive(Debug, Clone)]
pub struct Service(pub Api);

#[tonic::async_trait]
impl Admin for Service {
    async fn list_workers(
        &self,
        request: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        let _permit = self.0.request_permit()?;
        if let Some(mut leader) = cluster::elsewhere(&self.0).await? {
            return leader.list_workers(cluster::forwarded(request)).await;
        }
        let workers = workers(&self.0).await?;
        Ok(Response::new(v1::ListWorkersResponse { workers }))
    }

    async fn drain(
        &self,
        request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::DrainResponse>, Status> {
        let _permit = self.0.request_permit()?;
        let caller = caller(&request)?;
        if let Some(mut leader) = cluster::elsewhere(&self.0).await? {
            return leader.drain(cluster::forwarded(request)).await;
        }
        let v1::DrainRequest { worker_id } = request.into_inner();
        let callers = &self.0.callers;
        callers.log(&caller, "Drain", worker_id.clone()).await?;
        let control = self.0.control()?;
        let id = WorkerId::new(worker_id.clone());
        if !control
            .workers
            .drain(id.clone())
            .await
            .map_err(unavailable)?
        {
            return Err(not_found("worker", &worker_id));
        }
        let seats = control.scheduler.observe().await.map_err(unavailable)?;
        let seat = seats.iter().find(|seat| seat.info.id == id);
        let mut worker = status(seat.ok_or_else(|| not_found("worker", &worker_id))?);
        worker.state = v1::WorkerState::Draining.into();
        Ok(Response::new(v1::DrainResponse {
            worker: Some(worker),
        }))
    }

    async fn get_cluster(
        &self,
        request: Request<v1::GetClusterRequest>,
    ) -> Result<Response<v1::Cluster>, Status> {
        let _permit = self.0.request_permit()?;
        let (metadata, _, v1::GetClusterRequest {}) = request.into_parts();
        let mut seen = cluster::members(&self.0).await?;
        let list = Request::from_parts(metadata, Extensions::default(), v1::ListWorkersRequest {});
        seen.workers = match cluster::elsewhere(&self.0).await {
            Ok(Some(mut leader)) => {
                let listed = leader.list_workers(cluster::forwarded(list)).await;
                listed.map_or_else(|_| Vec::new(), |listed| listed.into_inner().workers)
            }
            Ok(None) => workers(&self.0).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Ok(Response::new(seen))
    }
}

async fn workers(api: &Api) -> Result<Vec<v1::WorkerStatus>, Status> {
    let scheduler = api.control()?.scheduler;
    let seats = scheduler.observe().await.map_err(unavailable)?;
    Ok(seats.iter().map(status).collect())
}

fn status(seat: &Seat) -> v1::WorkerStatus {
    let cordoned = seat.cordoned_until_ms > now_ms();
    let state = match seat.availability {
        Availability::Ready if cordoned => v1::WorkerState::Cordoned,
        Availability::Ready => v1::WorkerState::Ready,
        Availability::Suspect => v1::WorkerState::Suspect,
        Availability::Draining => v1::WorkerState::Draining,
    };
    let running = seat.running.iter();
    let running = running.map(|((workflow, task), attempt)| v1::RunningTask {
        workflow_id: workflow.as_str().to_owned(),
        stage: v1::Stage::from(task.stage).into(),
        task_index: task.index,
        attempt: attempt.0,
    });
    v1::WorkerStatus {
        worker_id: seat.info.id.as_str().to_owned(),
        host: seat.info.host.clone(),
        state: state.into(),
        cores: seat.info.resources.cores,
        cores_used: seat.used.cores,
        memory_bytes: seat.info.resources.memory_bytes,
        memory_used_bytes: seat.used.memory_bytes,
        running: running.collect(),
        cordoned_until: cordoned.then(|| timestamp(seat.cordoned_until_ms)),
    }
}
