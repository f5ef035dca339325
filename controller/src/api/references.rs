//! The service of references: files in, names out.

use common::location::Location;
use common::reference::{Bundle, BundleFile, Role};
use common::wire::WireError;
use common::wire::status::refusal;
use object_store::Error as StoreError;
use proto::v1;
use proto::v1::references_server::References;
use tonic::{Code, Request, Response, Status};

use super::Api;
use super::callers::caller;
use crate::references::{self, NewReference, ReferenceError};

/// The service.
#[derive(Debug, Clone)]
pub struct Service(pub Api);

impl Service {
    /// Asks the store of references on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&references::References) -> Result<T, ReferenceError> + Send + 'static,
    ) -> Result<T, Status> {
        let permit = self.0.stream_permit()?;
        let services = self.0.services.clone();
        let asked = services.bulk.clone().spawn_blocking(move || {
            let _permit = permit;
            question(&services.references())
        });
        let answer = asked.await;
        answer
            .map_err(|_| Status::internal("the call broke down"))?
            .map_err(|error| status(&error))
    }
}

#[tonic::async_trait]
impl References for Service {
    async fn add_reference(
        &self,
        request: Request<v1::AddReferenceRequest>,
    ) -> Result<Response<v1::Reference>, Status> {
        let caller = caller(&request)?;
        let v1::AddReferenceRequest {
            name,
            fasta,
            index,
            known_sites,
        } = request.into_inner();
        let callers = &self.0.callers;
        callers.log(&caller, "AddReference", name.clone()).await?;
        let new = NewReference {
            name,
            fasta: location("fasta", &fasta)?,
            index: location("index", &index)?,
            known_sites: known_sites
                .iter()
                .map(|text| location("known_sites", text))
                .collect::<Result<_, _>>()?,
        };
        let bundle = self.ask(move |references| references.add(&new)).await?;
        tracing::info!(
            name = bundle.name,
            version = bundle.version,
            "reference added"
        );
        Ok(Response::new(on_wire(&bundle)))
    }

    async fn list_references(
        &self,
        request: Request<v1::ListReferencesRequest>,
    ) -> Result<Response<v1::ListReferencesResponse>, Status> {
        let v1::ListReferencesRequest {} = request.into_inner();
        let bundles = self.ask(|references| references.list()).await?;
        let references = bundles.iter().map(on_wire).collect();
        Ok(Response::new(v1::ListReferencesResponse { references }))
    }

    async fn get_reference(
        &self,
        request: Request<v1::GetReferenceRequest>,
    ) -> Result<Response<v1::Reference>, Status> {
        let v1::GetReferenceRequest { name, version } = request.into_inner();
        let found = self.ask(move |references| references.get(&name, &version));
        Ok(Response::new(on_wire(&found.await?)))
    }

    async fn remove_reference(
        &self,
        request: Request<v1::RemoveReferenceRequest>,
    ) -> Result<Response<v1::RemoveReferenceResponse>, Status> {
        let caller = caller(&request)?;
        let v1::RemoveReferenceRequest { name } = request.into_inner();
        let callers = &self.0.callers;
        callers
            .log(&caller, "RemoveReference", name.clone())
            .await?;
        let versions = self.ask(move |references| references.remove(&name)).await?;
        Ok(Response::new(v1::RemoveReferenceResponse { versions }))
    }
}

fn location(field: &str, text: &str) -> Result<Location, WireError> {
    let parsed = text.parse::<Location>();
    parsed.map_err(|error| WireError::new(field, error.to_string()))
}

fn on_wire(bundle: &Bundle) -> v1::Reference {
    let file = |file: &BundleFile| {
        let role = match file.role {
            Role::Fasta => v1::ReferenceRole::Fasta,
            Role::Index => v1::ReferenceRole::Index,
            Role::Dictionary => v1::ReferenceRole::Dictionary,
            Role::KnownSites => v1::ReferenceRole::KnownSites,
        };
        v1::ReferenceFile {
            role: role.into(),
            name: file.name.clone(),
            location: bundle.location(&file.name).to_string(),
            size_bytes: file.size_bytes,
            sha256: file.sha256.clone(),
        }
    };
    v1::Reference {
        name: bundle.name.clone(),
        version: bundle.version.clone(),
        sequences_sha256: bundle.sequences_sha256.clone(),
        contigs: bundle.contigs,
        length_bp: bundle.length_bp,
        files: bundle.files.iter().map(file).collect(),
    }
}

fn status(error: &ReferenceError) -> Status {
    let (code, reason) = match error {
        ReferenceError::Missing(_) => (Code::NotFound, "NOT_FOUND"),
        ReferenceError::Name(_)
        | ReferenceError::Input { .. }
        | ReferenceError::Fasta { .. }
        | ReferenceError::Index { .. }
        | ReferenceError::Sites { .. } => (Code::InvalidArgument, "INPUT_INVALID"),
        ReferenceError::Store(StoreError::Transient { .. }) | ReferenceError::Read { .. } => {
            (Code::Unavailable, "STORAGE_TRANSIENT")
        }
        ReferenceError::Damaged { .. } | ReferenceError::Store(_) => (Code::Internal, "STORAGE"),
    };
    refusal(code, reason, &error.to_string(), None)
}
