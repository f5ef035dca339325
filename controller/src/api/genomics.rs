//! The public service: each method hands its request to the file that answers it.

use futures::stream::BoxStream;
use proto::v1;
use proto::v1::genomics_server::Genomics;
use tonic::{Request, Response, Status, Streaming};

use super::callers::caller;
use super::calls::Traced;
use super::{Api, downloads, logins, submission, uploads, watching};

/// The service.
#[derive(Debug, Clone)]
pub struct Service(pub Api);

#[tonic::async_trait]
impl Genomics for Service {
    async fn submit_batch(
        &self,
        request: Request<v1::SubmitBatchRequest>,
    ) -> Result<Response<v1::SubmitBatchResponse>, Status> {
        let _permit = self.0.request_permit()?;
        let caller = caller(&request)?;
        let trace = request.extensions().get().map(|Traced(trace)| *trace);
        let caller = (&caller, trace);
        let answer = submission::submit(&self.0, caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn get_workflow(
        &self,
        request: Request<v1::GetWorkflowRequest>,
    ) -> Result<Response<v1::Workflow>, Status> {
        let _permit = self.0.request_permit()?;
        let caller = caller(&request)?;
        let v1::GetWorkflowRequest { workflow_id } = request.into_inner();
        let found = watching::get(&self.0, &caller, workflow_id).await?;
        Ok(Response::new((&*found).into()))
    }

    async fn list_workflows(
        &self,
        request: Request<v1::ListWorkflowsRequest>,
    ) -> Result<Response<v1::ListWorkflowsResponse>, Status> {
        let _permit = self.0.request_permit()?;
        let caller = caller(&request)?;
        let answer = watching::list(&self.0, caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    type WatchWorkflowStream = BoxStream<'static, Result<v1::Workflow, Status>>;

    async fn watch_workflow(
        &self,
        request: Request<v1::WatchWorkflowRequest>,
    ) -> Result<Response<Self::WatchWorkflowStream>, Status> {
        let caller = caller(&request)?;
        let v1::WatchWorkflowRequest { workflow_id } = request.into_inner();
        let changes = watching::watch(self.0.clone(), caller, workflow_id).await?;
        Ok(Response::new(changes))
    }

    async fn cancel_workflow(
        &self,
        request: Request<v1::CancelWorkflowRequest>,
    ) -> Result<Response<v1::Workflow>, Status> {
        let _permit = self.0.request_permit()?;
        let caller = caller(&request)?;
        let v1::CancelWorkflowRequest { workflow_id } = request.into_inner();
        let found = watching::cancel(&self.0, &caller, workflow_id).await?;
        Ok(Response::new((&*found).into()))
    }

    async fn renew_login(
        &self,
        request: Request<v1::RenewLoginRequest>,
    ) -> Result<Response<v1::Workflow>, Status> {
        let _permit = self.0.request_permit()?;
        logins::renew(&self.0, request).await
    }

    async fn upload_reads(
        &self,
        request: Request<Streaming<v1::UploadReadsRequest>>,
    ) -> Result<Response<v1::UploadReadsResponse>, Status> {
        let caller = caller(&request)?;
        let answer = uploads::receive(&self.0, &caller, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    type DownloadOutputStream = BoxStream<'static, Result<v1::DownloadOutputResponse, Status>>;

    async fn download_output(
        &self,
        request: Request<v1::DownloadOutputRequest>,
    ) -> Result<Response<Self::DownloadOutputStream>, Status> {
        let caller = caller(&request)?;
        let chunks = downloads::send(&self.0, &caller, request.into_inner()).await?;
        Ok(Response::new(chunks))
    }
}
