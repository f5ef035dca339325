//! How long a cluster of controllers is without a leader, and what clients notice.
//! `cargo bench -p controller --bench failover -- [SECONDS]` prints a line of JSON for each measure:
//!
//! - `failover`: two controllers over etcd, a workflow of 100 000 tasks, the leader is killed with
//!   signal 9: milliseconds until a worker is welcome at the other one, and until it gets the first
//!   new task. Once with a lease of 5 s, once with 2 s, and once with 5 s and three members of etcd
//!   whose leader dies at the same moment;
//! - `submissions`, if SECONDS are given: they go on so long while the leader is killed every 20 s and
//!   started again: `sent`, `accepted`, and `present` in the state at the end.

#[expect(dead_code, reason = "another bench uses the rest")]
#[path = "support/clients.rs"]
mod clients;
#[path = "../tests/etcd/server.rs"]
mod etcd;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clients::{Failure, Heard, Served, State, Worker, connect, serve_if_told, submit};
use etcd::Etcd;
use proto::v1;
use proto::v1::admin_client::AdminClient;
use proto::v1::genomics_client::GenomicsClient;
use proto::worker::v1 as wire;

/// Tasks of the workflow, and those that the worker holds.
const TASKS: u32 = 100_000;
const SLOTS: u32 = 64;

/// How often the leader is killed while submissions go on.
const KILL_EVERY: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve_if_told())?;
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    runtime.block_on(async {
        measure_failover(1, Duration::from_secs(5)).await?;
        measure_failover(1, Duration::from_secs(2)).await?;
        measure_failover(3, Duration::from_secs(5)).await?;
        match seconds {
            Some(seconds) => measure_submissions(Duration::from_secs(seconds)).await,
            None => Ok(()),
        }
    })
}

async fn measure_failover(members: usize, lease: Duration) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut etcd = Etcd::cluster(members);
    let state = State {
        folder: folder.path().to_owned(),
        etcd: Some(etcd.address("failover")),
        lease,
    };
    let first = Served::start(&state)?;
    let mut worker = attach(&first.address, &[]).await?;
    let second = Served::start(&state)?;
    let channel = connect(&first.address).await?;
    submit(&channel, "failover", TASKS).await?;
    let mut held = Vec::new();
    while held.len() < SLOTS as usize {
        if let Some(Heard::Assignment(assignment)) = worker.hear().await? {
            held.push(assignment);
        }
    }
    let tasks = held.iter().map(index).collect();
    if members > 1 {
        let leads = leading_member(&etcd, members).await?;
        etcd.kill(leads);
    }
    let killed = Instant::now();
    first.kill()?;
    let mut worker = attach(&second.address, &held).await?;
    let welcome = killed.elapsed();
    worker.complete(held.remove(0)).await?;
    let new = loop {
        if let Some(Heard::Assignment(assignment)) = worker.hear().await?
            && !BTreeSet::contains(&tasks, &index(&assignment))
        {
            break killed.elapsed();
        }
    };
    second.kill()?;
    let result = serde_json::json!({
        "measure": "failover",
        "members": members,
        "lease_s": lease.as_secs(),
        "tasks": TASKS,
        "welcome_ms": welcome.as_millis(),
        "first_new_task_ms": new.as_millis(),
    });
    println!("{result}");
    Ok(())
}

fn index(assignment: &wire::Assignment) -> u32 {
    let task = assignment
        .attempt
        .as_ref()
        .and_then(|one| one.task.as_ref());
    task.map_or(0, |task| task.index)
}

/// Attaches a worker that holds attempts, once the controller leads.
async fn attach(address: &str, held: &[wire::Assignment]) -> Result<Worker, Failure> {
    let begun = Instant::now();
    let attempts: Vec<_> = held.iter().filter_map(|one| one.attempt.clone()).collect();
    loop {
        match Worker::holding(address, (0, SLOTS), attempts.clone()).await {
            Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            attached => return attached,
        }
    }
}

/// Returns which member leads etcd.
async fn leading_member(etcd: &Etcd, members: usize) -> Result<usize, Failure> {
    for member in 0..members {
        let address = format!("127.0.0.1:{}", etcd.port(member));
        let mut client = etcd_client::Client::connect([address], None).await?;
        let status = client.status().await?;
        let id = status.header().map(etcd_client::ResponseHeader::member_id);
        if id == Some(status.leader()) {
            return Ok(member);
        }
    }
    Err("no member leads".into())
}

async fn measure_submissions(time: Duration) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let etcd = Etcd::start();
    let state = State {
        folder: folder.path().to_owned(),
        etcd: Some(etcd.address("submissions")),
        lease: Duration::from_secs(5),
    };
    let mut controllers = vec![Served::start(&state)?, Served::start(&state)?];
    let begun = Instant::now();
    let (mut sent, mut ids, mut kills) = (0, BTreeSet::new(), 0);
    let (mut times, mut at) = (Vec::new(), 0);
    while begun.elapsed() < time {
        if begun.elapsed() > KILL_EVERY * (kills + 1) {
            let leads = leader(&controllers).await.unwrap_or(0);
            controllers.remove(leads).kill()?;
            controllers.push(Served::start(&state)?);
            kills += 1;
        }
        sent += 1;
        let (token, asked) = (format!("submission-{sent}"), Instant::now());
        while asked.elapsed() < PATIENCE {
            at = (at + 1) % controllers.len();
            let submitted = match connect(&controllers[at].address).await {
                Ok(channel) => submit(&channel, &token, 1).await,
                Err(error) => Err(error),
            };
            if let Ok(workflow) = submitted {
                ids.insert(workflow);
                break;
            }
        }
        times.push(asked.elapsed());
        tokio::time::sleep(PAUSE * 2).await;
    }
    let present = present(&controllers).await?;
    times.sort();
    let result = serde_json::json!({
        "measure": "submissions",
        "seconds": time.as_secs(),
        "kills": kills,
        "sent": sent,
        "accepted": ids.len(),
        "present": present.len(),
        "p99_ms": times[(times.len() - 1) * 99 / 100].as_millis(),
        "longest_ms": times.last().map(Duration::as_millis),
    });
    println!("{result}");
    for controller in controllers {
        controller.kill()?;
    }
    if ids.len() != sent || present != ids {
        return Err("a submission is lost or there twice".into());
    }
    Ok(())
}

/// Returns which of the controllers leads.
async fn leader(controllers: &[Served]) -> Result<usize, Failure> {
    for one in controllers {
        let channel = connect(&one.address).await?;
        let seen = AdminClient::new(channel)
            .get_cluster(v1::GetClusterRequest {})
            .await?;
        let leader = seen.into_inner().leader;
        let leads = |one: &Served| leader.ends_with(&one.address);
        if let Some(at) = controllers.iter().position(leads) {
            return Ok(at);
        }
    }
    Err("nobody leads".into())
}

/// Returns all workflows, as a controller lists them.
async fn present(controllers: &[Served]) -> Result<BTreeSet<String>, Failure> {
    let channel = connect(&controllers[0].address).await?;
    let mut client = GenomicsClient::new(channel).max_decoding_message_size(64 << 20);
    let (mut all, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let request = v1::ListWorkflowsRequest {
            page_size: 1000,
            page_token,
            ..v1::ListWorkflowsRequest::default()
        };
        let page = client.list_workflows(request).await?.into_inner();
        all.extend(page.workflows.into_iter().map(|one| one.workflow_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}
