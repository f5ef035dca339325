//! Several controllers over a real etcd, and their workers, as processes on this machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::watch_until;
use crate::compare::Outputs;
use crate::etcd::Etcd;
use crate::fixtures;
use crate::process::{Process, run_well, spindle};

/// A cluster in a folder of its own.
pub struct Replicas {
    folder: TempDir,
    /// The members of etcd.
    pub etcd: Etcd,
    controllers: Vec<Process>,
    addresses: Vec<String>,
    workers: Vec<Process>,
}

impl Replicas {
    /// Starts etcd and controllers; the bundled data is under the root `data`.
    ///
    /// # Errors
    /// If one does not come up.
    pub fn start(members: usize, controllers: usize) -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-test-")?;
        fixtures::copy_data(folder.path())?;
        std::fs::create_dir(folder.path().join("out"))?;
        let mut replicas = Self {
            folder,
            etcd: Etcd::cluster(members),
            controllers: Vec::new(),
            addresses: Vec::new(),
            workers: Vec::new(),
        };
        for _ in 0..controllers {
            replicas.start_controller()?;
        }
        Ok(replicas)
    }

    fn start_controller(&mut self) -> Result<()> {
        let objects = self.path("objects").display().to_string();
        let mut command = Command::new(spindle());
        command.args([
            "controller",
            "--insecure",
            "--lease",
            "4s",
            "--cache-days",
            "0",
        ]);
        command.args(["--listen", "127.0.0.1:0", "--objects", &objects]);
        command.args(["--state", &self.etcd.address("test")]);
        self.add_roots(&mut command);
        let name = format!("controller {}", self.controllers.len());
        let mut controller = Process::start(&name, &mut command)?;
        let line = controller.wait_for_line("listening on ")?;
        let address = line.rsplit(' ').next().context("no address")?;
        self.addresses.push(address.to_owned());
        self.controllers.push(controller);
        Ok(())
    }

    /// Starts a worker that knows all controllers, and waits until it is attached. It may hold the next
    /// task of a stage until it is killed.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_worker(&mut self, hold: Option<&str>) -> Result<usize> {
        let index = self.workers.len();
        let scratch = self.path(&format!("scratch-{index}"));
        let mut command = Command::new(spindle());
        command.args(["worker", "--insecure", "--cores", "2", "--memory", "4G"]);
        command.args(["--controller", &self.servers()]);
        command.args(["--scratch", &scratch.display().to_string()]);
        self.add_roots(&mut command);
        if let Some(stage) = hold {
            let token = self.path(&format!("hold-{index}"));
            std::fs::write(&token, "")?;
            command.env("SPINDLE_TEST_HOLD", format!("{stage}:{}", token.display()));
        }
        let mut worker = Process::start(&format!("worker {index}"), &mut command)?;
        worker.wait_for_line("attached")?;
        self.workers.push(worker);
        Ok(index)
    }

    fn add_roots(&self, command: &mut Command) {
        for root in ["data", "out"] {
            command.args(["--root", &format!("{root}={}", self.path(root).display())]);
        }
    }

    /// Returns a worker.
    pub fn worker(&mut self, index: usize) -> &mut Process {
        &mut self.workers[index]
    }

    /// Returns a controller.
    pub fn controller(&mut self, index: usize) -> &mut Process {
        &mut self.controllers[index]
    }

    /// Returns the URL of a controller.
    pub fn server(&self, index: usize) -> &str {
        &self.addresses[index]
    }

    /// Returns the list of all controllers.
    pub fn servers(&self) -> String {
        self.addresses.join(",")
    }

    /// Returns what `spindle cluster` tells.
    ///
    /// # Errors
    /// If none of the controllers answers.
    pub fn cluster(&self) -> Result<Value> {
        let text = run_well(&["cluster", "--json", "--server", &self.servers()])?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Returns which controller leads.
    ///
    /// # Errors
    /// If none does.
    pub fn leader(&self) -> Result<usize> {
        let cluster = self.cluster()?;
        let leads = |address: &String| cluster["leader"] == address.as_str();
        let found = self.addresses.iter().position(leads);
        found.with_context(|| format!("nobody leads: {cluster}"))
    }

    /// Submits the genome with two lanes to a controller, outputs under `out/NAME`; returns its id.
    ///
    /// # Errors
    /// If it is refused.
    pub fn submit(&self, server: &str, name: &str) -> Result<String> {
        let (flags, out) = (fixtures::two_lanes("root:data"), format!("root:out/{name}"));
        let mut arguments = vec!["submit", "--server", server, "--out", &out];
        arguments.extend(fixtures::borrowed(&flags));
        Ok(run_well(&arguments)?.trim().to_owned())
    }

    /// Watches a workflow through any controller until a change shows what is waited for.
    ///
    /// # Errors
    /// If it ends before.
    pub fn wait_until(&self, workflow_id: &str, seen: impl Fn(&Value) -> bool) -> Result<Value> {
        watch_until(&self.servers(), workflow_id, seen)
    }

    /// Reads the published outputs of a workflow.
    ///
    /// # Errors
    /// If a file is missing.
    pub fn outputs(&self, name: &str) -> Result<Outputs> {
        Outputs::read(&self.path("out").join(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
