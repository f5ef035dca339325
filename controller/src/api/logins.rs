//! New logins to S3 for genomes that came with one.

use common::ids::WorkflowId;
use common::s3_login::S3Login;
use common::wire::WireError;
use common::wire::status::refusal;
use proto::v1;
use proto::v1::genomics_client::GenomicsClient;
use tonic::{Code, Request, Response, Status};

use super::callers::caller;
use super::{Api, cluster, submission, watching};

/// Seals a login and gives it to a workflow. Where another controller leads, it is asked.
pub async fn renew(
    api: &Api,
    request: Request<v1::RenewLoginRequest>,
) -> Result<Response<v1::Workflow>, Status> {
    let caller = caller(&request)?;
    if let Some(leader) = cluster::leader(api).await? {
        let request = cluster::forwarded(request);
        return GenomicsClient::new(leader).renew_login(request).await;
    }
    let v1::RenewLoginRequest {
        workflow_id,
        s3_login,
    } = request.into_inner();
    let given = s3_login.ok_or_else(|| WireError::new("s3_login", "must be set"))?;
    let login = S3Login::try_from(given)?;
    let present = watching::get(api, &caller, workflow_id.clone()).await?;
    if !present.spec.work.has_login() {
        let message = format!("workflow {workflow_id} came without a login to S3");
        return Err(refusal(
            Code::FailedPrecondition,
            "NO_LOGIN",
            &message,
            None,
        ));
    }
    let sealed = submission::sealed(&login, api.services.inputs.sealer())?;
    api.callers
        .log(&caller, "RenewLogin", workflow_id.clone())
        .await?;
    let renewed = watching::renew_login(api, &WorkflowId::new(workflow_id), &sealed).await?;
    Ok(Response::new((&*renewed).into()))
}
