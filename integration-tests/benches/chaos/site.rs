//! The cluster that is disturbed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use integration_tests::fixtures;
use integration_tests::hosts::{Host, Network};
use integration_tests::process::{run_well, spindle};
use object_store::testing::Server as Storage;
use serde_json::Value;

use crate::fault::Role;
use crate::server::Server;

/// First argument of the process that serves S3; folder, address and conditions follow.
const SERVE: &str = "--serve-s3";
/// The bucket with everything.
const BUCKET: &str = "spindle";
/// After so long the silent are replaced.
pub const LEASE: &str = "4s";
const MEMBERS: usize = 3;

/// All processes, each on its host.
pub struct Site {
    folder: PathBuf,
    members: Vec<Server>,
    storage: Vec<Server>,
    controllers: Vec<Server>,
    workers: Vec<Server>,
    addresses: Vec<String>,
    // After the processes that use them.
    _folder: tempfile::TempDir,
    _network: Network,
}

impl Site {
    /// Starts everything.
    pub fn start(honours_conditions: bool) -> Result<Self> {
        let (folder, mut network) = (tempfile::tempdir()?, Network::new()?);
        let path = folder.path().to_owned();
        std::fs::create_dir_all(path.join("s3").join(BUCKET))?;
        std::fs::create_dir(path.join("gates"))?;
        fixtures::copy_data(&path.join("s3").join(BUCKET))?;
        let hosts: Vec<Host> = (0..MEMBERS + 5)
            .map(|_| network.host())
            .collect::<Result<_>>()?;
        let (members, hosts) = hosts.split_at(MEMBERS);
        let url = format!("http://{}:9000", hosts[0].address);
        let peers = |port: u16| {
            let peers = members
                .iter()
                .map(|host| format!("{}:{port}", host.address));
            peers.collect::<Vec<_>>().join(",")
        };
        let state = format!("etcd://{}/chaos", peers(2379));
        let addresses: Vec<_> = hosts[1..3]
            .iter()
            .map(|host| format!("http://{}:7070", host.address))
            .collect();
        let servers = addresses.join(",");
        let mut site = Self {
            members: members
                .iter()
                .map(|host| member(host, members, &path))
                .collect(),
            storage: vec![storage(&hosts[0], &path, honours_conditions)],
            controllers: hosts[1..3]
                .iter()
                .map(|host| controller(host, &url, &state))
                .collect(),
            workers: hosts[3..]
                .iter()
                .map(|host| worker(host, (&url, &servers), &path))
                .collect(),
            addresses,
            folder: path,
            _folder: folder,
            _network: network,
        };
        for servers in [&mut site.members, &mut site.storage, &mut site.controllers] {
            servers.iter_mut().try_for_each(Server::start)?;
            servers.iter_mut().try_for_each(Server::wait)?;
        }
        site.workers.iter_mut().try_for_each(Server::start)?;
        site.workers.iter_mut().try_for_each(Server::wait)?;
        Ok(site)
    }

    /// Returns the list of all controllers.
    pub fn servers(&self) -> String {
        self.addresses.join(",")
    }

    /// Returns a file or folder in S3 as it is on disk.
    pub fn stored(&self, key: &str) -> PathBuf {
        self.folder.join("s3").join(BUCKET).join(key)
    }

    /// Returns the file that holds back tasks: of a stage, or of a stage of a workflow.
    pub fn gate(&self, name: &str) -> PathBuf {
        self.folder.join("gates").join(name)
    }

    /// Says whether a task of a workflow's stage waits at a gate.
    pub fn is_held(&mut self, workflow: &str, stage: &str) -> Result<bool> {
        Ok(self.holder(workflow, stage)?.is_some())
    }

    fn holder(&mut self, workflow: &str, stage: &str) -> Result<Option<usize>> {
        let task = format!("{workflow}/{stage}/");
        for (at, worker) in self.workers.iter_mut().enumerate() {
            if worker.has_printed(&["held", &task])? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Returns the one that plays a role while a task of this workflow and stage waits.
    pub fn victim(&mut self, role: Role, (workflow, stage): (&str, &str)) -> Result<&mut Server> {
        let leader = match role {
            Role::Leader | Role::Follower => self.leader()?,
            _ => 0,
        };
        Ok(match role {
            Role::Leader => &mut self.controllers[leader],
            Role::Follower => &mut self.controllers[1 - leader],
            Role::Worker => {
                let holder = self.holder(workflow, stage)?;
                &mut self.workers[holder.context("nobody holds a task")?]
            }
            Role::Member => &mut self.members[stage.len() % MEMBERS],
            Role::Storage => &mut self.storage[0],
        })
    }

    fn leader(&self) -> Result<usize> {
        let text = run_well(&["cluster", "--json", "--server", &self.servers()])?;
        let cluster: Value = serde_json::from_str(&text)?;
        let leads = |address: &String| cluster["leader"] == address.as_str();
        let found = self.addresses.iter().position(leads);
        found.with_context(|| format!("nobody leads: {cluster}"))
    }

    /// Returns what all controllers and workers printed.
    pub fn transcripts(&mut self) -> String {
        let all = self.controllers.iter_mut().chain(&mut self.workers);
        all.map(Server::transcript).collect()
    }
}

/// Serves S3 if this process was started for it.
pub fn serve_if_told(arguments: &[String]) -> Option<Result<()>> {
    let [serve, folder, address, honours] = arguments else {
        return None;
    };
    (serve == SERVE).then(|| {
        let (address, honours) = (address.parse()?, honours.parse()?);
        tokio::runtime::Runtime::new()?.block_on(async {
            let _server = Storage::start_at(address, folder.as_ref(), honours).await;
            println!("serving");
            std::future::pending::<()>().await;
        });
        Ok(())
    })
}

fn storage(host: &Host, folder: &Path, honours_conditions: bool) -> Server {
    let folder = folder.join("s3");
    let make = move |host: &Host| {
        let this = std::env::current_exe().unwrap_or_default();
        let mut command = host.command(&this);
        command.arg(SERVE).arg(&folder);
        command.args([
            format!("{}:9000", host.address),
            honours_conditions.to_string(),
        ]);
        command
    };
    Server::new("s3", host.clone(), "serving", Box::new(make))
}

fn member(host: &Host, members: &[Host], folder: &Path) -> Server {
    let name = |host: &Host| format!("m{}", host.address);
    let url = |host: &Host, port: u16| format!("http://{}:{port}", host.address);
    let all: Vec<_> = members
        .iter()
        .map(|host| format!("{}={}", name(host), url(host, 2380)))
        .collect();
    let (all, data) = (all.join(","), folder.join(name(host)));
    let make = move |host: &Host| {
        let mut command = host.command(Path::new("etcd"));
        command.args(["--name", &name(host), "--initial-cluster", &all]);
        command.arg("--data-dir").arg(&data);
        for (flag, port) in [
            ("--listen-client-urls", 2379),
            ("--advertise-client-urls", 2379),
            ("--listen-peer-urls", 2380),
            ("--initial-advertise-peer-urls", 2380),
        ] {
            command.args([flag, &url(host, port)]);
        }
        command
    };
    let ready = "ready to serve client requests";
    Server::new("etcd", host.clone(), ready, Box::new(make))
}

fn controller(host: &Host, url: &str, state: &str) -> Server {
    let (url, state) = (url.to_owned(), state.to_owned());
    let make = move |host: &Host| {
        let mut command = host.command(&spindle());
        command.args([
            "controller",
            "--insecure",
            "--lease",
            LEASE,
            "--state",
            &state,
        ]);
        command.args(["--listen", &format!("{}:7070", host.address)]);
        command.args(["--objects", &format!("s3://{BUCKET}/objects")]);
        command.envs(fixtures::s3_environment(&url));
        command
    };
    Server::new("controller", host.clone(), "listening on ", Box::new(make))
}

fn worker(host: &Host, (url, servers): (&str, &str), folder: &Path) -> Server {
    let (url, servers, folder) = (url.to_owned(), servers.to_owned(), folder.to_owned());
    let make = move |host: &Host| {
        let mut command = host.command(&spindle());
        command.args(["worker", "--insecure", "--cores", "2", "--memory", "4G"]);
        command.args(["--controller", &servers, "--scratch"]);
        command.arg(folder.join(format!("scratch-{}", host.address)));
        command.env("SPINDLE_TEST_GATES", folder.join("gates"));
        command.envs(fixtures::s3_environment(&url));
        command
    };
    Server::new("worker", host.clone(), "attached", Box::new(make))
}
