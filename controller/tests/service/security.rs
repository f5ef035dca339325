//! Keys, roles and tenants: whoever has no right gets nothing, and learns nothing.

use std::path::Path;

use controller::access::audit::verify_folder;
use controller::access::{NewKey, Policy};
use controller::{Config, Listen};
use proto::v1;
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use proto::worker::v1 as wire;
use proto::worker::v1::objects_client::ObjectsClient;
use proto::worker::v1::workers_client::WorkersClient;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::genome::{genome, spec};
use crate::support::{Controller, batch, config, probe};

/// The keys of the test, by name.
struct Keys(Vec<(&'static str, NewKey)>);

/// Name, tenant, role and further fields of each key.
const KEYS: [(&str, &str, &str, &str); 8] = [
    ("a-reads", "a", "reader", ""),
    ("a-submits", "a", "submitter", ""),
    ("b-submits", "b", "submitter", ""),
    ("b-admin", "b", "admin", ""),
    ("operates", "*", "operator", ""),
    ("audits", "*", "auditor", ""),
    ("works", "*", "worker", ""),
    ("old", "*", "admin", ", expires: '2020-01-31'"),
];

impl Keys {
    fn make() -> Self {
        Self(
            KEYS.iter()
                .map(|(name, ..)| (*name, NewKey::make()))
                .collect(),
        )
    }

    fn policy(&self, folder: &Path) -> Policy {
        let mut text = "tenants: [{name: a, roots: [data]}, {name: b}]\nkeys:\n".to_owned();
        for ((name, key), (_, tenant, role, more)) in self.0.iter().zip(KEYS) {
            let digest = key.digest();
            text += &format!(
                "- {{name: {name}, sha256: {digest}, tenant: '{tenant}', role: {role}{more}}}\n"
            );
        }
        let file = folder.join("policy.yaml");
        std::fs::write(&file, text).unwrap();
        Policy::read(&file).unwrap()
    }

    fn of(&self, name: &str) -> &str {
        let key = self.0.iter().find(|(known, _)| *known == name);
        key.expect("there is such a key").1.reveal()
    }

    /// Wraps a request with a key.
    fn sign<T>(&self, name: &str, message: T) -> Request<T> {
        signed(self.of(name), message)
    }
}

pub fn signed<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

struct Guarded {
    folder: tempfile::TempDir,
    controller: Controller,
    keys: Keys,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::make();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut config: Config = config(folder.path());
        config.policy = Some(keys.policy(folder.path()));
        config.audit = Some(config.state.clone());
        config.roots.insert("data".to_owned(), data.clone());
        config.roots.insert("other".to_owned(), data);
        assert!(matches!(config.listen[..], [Listen::Tcp { .. }]));
        let controller = Controller::with(config).await;
        Self {
            folder,
            controller,
            keys,
        }
    }

    fn genomics(&self) -> GenomicsClient<tonic::transport::Channel> {
        self.controller.genomics()
    }

    async fn submit(&self, key: &str, spec: v1::WorkflowSpec) -> Result<String, tonic::Status> {
        let request = self.keys.sign(key, batch("token", vec![spec]));
        let answer = self.genomics().submit_batch(request).await?;
        Ok(answer.into_inner().workflow_ids.remove(0))
    }

    /// Every call about a workflow, with one key: the codes of get, watch, cancel and download.
    async fn touch(&self, key: &str, workflow: &str) -> [Code; 4] {
        let id = workflow.to_owned();
        let get = v1::GetWorkflowRequest {
            workflow_id: id.clone(),
        };
        let watch = v1::WatchWorkflowRequest {
            workflow_id: id.clone(),
        };
        let cancel = v1::CancelWorkflowRequest {
            workflow_id: id.clone(),
        };
        let download = v1::DownloadOutputRequest {
            workflow_id: id,
            name: "S.bam".to_owned(),
            offset: 0,
        };
        let (mut client, keys) = (self.genomics(), &self.keys);
        [
            code(client.get_workflow(keys.sign(key, get)).await),
            code(client.watch_workflow(keys.sign(key, watch)).await),
            code(client.cancel_workflow(keys.sign(key, cancel)).await),
            code(client.download_output(keys.sign(key, download)).await),
        ]
    }

    async fn list(&self, key: &str) -> Result<Vec<v1::Workflow>, Code> {
        let request = self.keys.sign(key, v1::ListWorkflowsRequest::default());
        let listed = self.genomics().list_workflows(request).await;
        let listed = listed.map_err(|status| status.code())?;
        Ok(listed.into_inner().workflows)
    }
}

fn code<T>(answer: Result<T, tonic::Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn nobody_gets_in_without_a_key_that_is_good() {
    let guarded = Guarded::start().await;
    let list = v1::ListWorkflowsRequest::default;
    let mut client = guarded.genomics();
    let old = guarded.keys.of("old").to_owned();
    let stranger = NewKey::make().reveal().to_owned();
    assert_eq!(
        code(client.list_workflows(list()).await),
        Code::Unauthenticated
    );
    for token in [&old, &stranger, "x", ""] {
        let answer = client.list_workflows(signed(token, list())).await;
        assert_eq!(code(answer), Code::Unauthenticated, "{token}");
    }
    let channel = guarded.controller.channel();
    let workers = WorkersClient::new(channel.clone())
        .attach(tokio_stream::empty())
        .await;
    assert_eq!(code(workers), Code::Unauthenticated);
    let objects = ObjectsClient::new(channel)
        .list(wire::ListRequest::default())
        .await;
    assert_eq!(code(objects), Code::Unauthenticated);
}

#[tokio::test]
async fn a_role_may_do_what_it_is_for() {
    let guarded = Guarded::start().await;
    let denied = Code::PermissionDenied;
    for (key, submits, lists, operates, works) in [
        ("a-reads", denied, Code::Ok, denied, denied),
        ("a-submits", Code::Ok, Code::Ok, denied, denied),
        ("b-admin", Code::Ok, Code::Ok, denied, denied),
        ("operates", Code::Ok, Code::Ok, Code::Ok, denied),
        ("audits", denied, denied, denied, denied),
        ("works", denied, denied, denied, Code::Ok),
    ] {
        assert_eq!(code(guarded.submit(key, probe(1)).await), submits, "{key}");
        let listed = guarded.list(key).await;
        assert_eq!(listed.err().unwrap_or(Code::Ok), lists, "{key}");
        let channel = guarded.controller.channel();
        let request = guarded.keys.sign(key, v1::ListWorkersRequest {});
        let workers = AdminClient::new(channel.clone())
            .list_workers(request)
            .await;
        assert_eq!(code(workers), operates, "{key}");
        let request = guarded.keys.sign(key, wire::ListRequest::default());
        let objects = ObjectsClient::new(channel).list(request).await;
        assert_eq!(code(objects), works, "{key}");
    }
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let guarded = Guarded::start().await;
    let of_a = guarded.submit("a-submits", probe(1)).await.unwrap();
    // The same token is another one for another tenant.
    let of_b = guarded.submit("b-submits", probe(1)).await.unwrap();
    assert_ne!(of_a, of_b);
    assert_eq!(guarded.submit("a-submits", probe(1)).await.unwrap(), of_a);
    let missing = guarded.touch("b-admin", "01JNOWHERE").await;
    assert_eq!(guarded.touch("b-admin", &of_a).await, missing);
    assert_eq!(missing, [Code::NotFound; 4]);
    let ids = |listed: Vec<v1::Workflow>| {
        let named = listed.into_iter();
        named
            .map(|one| (one.workflow_id, one.tenant))
            .collect::<Vec<_>>()
    };
    let (a, b) = ((of_a, "a".to_owned()), (of_b, "b".to_owned()));
    let all = [b, a];
    assert_eq!(ids(guarded.list("a-reads").await.unwrap()), all[1..]);
    assert_eq!(ids(guarded.list("b-submits").await.unwrap()), all[..1]);
    assert_eq!(ids(guarded.list("operates").await.unwrap()), all);
}

#[tokio::test]
async fn a_tenant_names_only_what_is_open_to_it() {
    let guarded = Guarded::start().await;
    let genome = |reads: &str, output: &str| {
        let mut genome = genome();
        let fastq = v1::FastqFiles {
            reads1: reads.to_owned(),
            ..v1::FastqFiles::default()
        };
        genome.lanes[0].reads = Some(v1::lane::Reads::Fastq(fastq));
        genome.output_prefix = output.to_owned();
        spec(genome)
    };
    for (reads, output) in [
        ("root:other/r.fq", "root:data/out"),
        ("root:data/r.fq", "root:other/out"),
        ("upload:b.01J/r.fq", "root:data/out"),
        ("upload:01J/r.fq", "root:data/out"),
        ("root:data/../other/r.fq", "root:data/out"),
    ] {
        let refused = guarded.submit("a-submits", genome(reads, output)).await;
        assert_eq!(code(refused), Code::InvalidArgument, "{reads} {output}");
    }
    let own = guarded.submit("a-submits", genome("upload:a.01J/r.fq", "root:data/out"));
    assert_eq!(code(own.await), Code::Ok);
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let guarded = Guarded::start().await;
    let mut spec = probe(1);
    spec.description = "x".repeat(17 << 20);
    let refused = code(guarded.submit("a-submits", spec).await);
    assert_eq!(refused, Code::OutOfRange);
    let many = vec![probe(1); 1001];
    let request = guarded.keys.sign("a-submits", batch("many", many));
    let refused = guarded.genomics().submit_batch(request).await;
    assert_eq!(code(refused), Code::InvalidArgument);
}

#[tokio::test]
async fn every_mutation_is_in_the_audit_log() {
    let guarded = Guarded::start().await;
    let workflow = guarded.submit("a-submits", probe(1)).await.unwrap();
    guarded.touch("a-submits", &workflow).await;
    let drain = v1::DrainRequest {
        worker_id: "w".to_owned(),
    };
    let request = guarded.keys.sign("operates", drain);
    let answer = AdminClient::new(guarded.controller.channel())
        .drain(request)
        .await;
    assert_eq!(code(answer), Code::NotFound);
    let state = config(guarded.folder.path()).state;
    let log = std::fs::read_to_string(state.join("audit.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let shown = |line: &serde_json::Value| {
        let entry = &line["entry"];
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        (text("subject"), text("tenant"), text("action"))
    };
    let expected = |subject: &str, tenant: &str, action: &str| {
        (subject.to_owned(), tenant.to_owned(), action.to_owned())
    };
    assert_eq!(
        lines.iter().map(shown).collect::<Vec<_>>(),
        [
            expected("key:a-submits", "a", "SubmitBatch"),
            expected("key:a-submits", "a", "CancelWorkflow"),
            expected("key:operates", "*", "Drain"),
        ]
    );
    assert_eq!(verify_folder(&state, None).unwrap().number, 3);
    for (_, key) in &guarded.keys.0 {
        assert!(!log.contains(key.reveal()), "a key is in the log");
    }
}
