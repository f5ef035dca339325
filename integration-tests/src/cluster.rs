//! A controller and its workers as processes on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, run_well, spindle};
use crate::{compare::Outputs, fixtures};

/// What a worker of a test cluster sees and does.
#[derive(Debug, Clone, Default)]
pub struct WorkerOptions {
    /// Whether it sees nothing but the controller's port.
    pub port_only: bool,
    /// Whether it sees no root of the controller.
    pub no_roots: bool,
    /// A stage whose next task is held until the worker is killed.
    pub hold: Option<&'static str>,
    /// Cores it says it has; 0: two.
    pub cores: u32,
}

/// A cluster in a folder of its own.
pub struct Cluster {
    folder: TempDir,
    controller: Option<Process>,
    address: String,
    workers: Vec<Process>,
    lease: &'static str,
    /// Of the objects, if they are not in the cluster's folder.
    objects: Option<String>,
    /// What the processes find in their environment.
    environment: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Starts a controller on a free port, with the bundled data under the root `data`.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start() -> Result<Self> {
        Self::start_with_lease("4s")
    }

    /// Starts a controller with another lease.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_with_lease(lease: &'static str) -> Result<Self> {
        Self::start_over(lease, None, Vec::new())
    }

    /// Starts a controller; it and its workers find these variables in their environment.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_in(environment: Vec<(&'static str, String)>) -> Result<Self> {
        Self::start_over("4s", None, environment)
    }

    /// Starts a controller with its objects in S3, which its processes find by their environment.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_in_s3(url: &str, environment: Vec<(&'static str, String)>) -> Result<Self> {
        Self::start_over("4s", Some(url.to_owned()), environment)
    }

    /// Starts a controller whose processes find more in their environment.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_with_environment(
        lease: &'static str,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        Self::start_over(lease, None, environment)
    }

    fn start_over(
        lease: &'static str,
        objects: Option<String>,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-test-")?;
        fixtures::copy_data(folder.path())?;
        std::fs::create_dir(folder.path().join("out"))?;
        let address = "127.0.0.1:0".to_owned();
        let mut cluster = Self {
            folder,
            controller: None,
            address,
            workers: Vec::new(),
            lease,
            objects,
            environment,
        };
        cluster.start_controller()?;
        Ok(cluster)
    }

    /// Starts the controller: the first time on a free port, then on the same one again.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_controller(&mut self) -> Result<()> {
        let path = |name: &str| self.path(name).display().to_string();
        let mut command = Command::new(spindle());
        command.args(["controller", "--insecure", "--lease", self.lease]);
        // What is to run has to run, however often it is asked for.
        command.env("SPINDLE_CACHE_DAYS", "0");
        command.args(["--listen", &self.address]);
        let objects = self.objects.clone().unwrap_or_else(|| path("objects"));
        command.args(["--state", &path("state"), "--objects", &objects]);
        command.envs(self.environment.iter().cloned());
        for root in ["data", "out"] {
            command.args(["--root", &format!("{root}={}", path(root))]);
        }
        let mut controller = Process::start("controller", &mut command)?;
        let line = controller.wait_for_line("listening on ")?;
        let address = line
            .rsplit(' ')
            .next()
            .context("the line ends with an address")?;
        self.address = address.trim_start_matches("http://").to_owned();
        self.controller = Some(controller);
        Ok(())
    }

    /// Starts a worker and waits until it is attached.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_worker(&mut self, options: &WorkerOptions) -> Result<usize> {
        let index = self.workers.len();
        let scratch = self.path(&format!("scratch-{index}"));
        let mut command = Command::new(spindle());
        command.envs(self.environment.iter().cloned());
        let cores = if options.cores == 0 { 2 } else { options.cores };
        command.args(["worker", "--insecure", "--cores", &cores.to_string()]);
        command.args(["--memory", "64G", "--controller", &self.server()]);
        command.args(["--scratch", &scratch.display().to_string()]);
        if options.port_only {
            command.arg("--no-shared-objects");
        } else if !options.no_roots {
            for root in ["data", "out"] {
                command.args(["--root", &format!("{root}={}", self.path(root).display())]);
            }
        }
        if let Some(stage) = options.hold {
            let token = self.path(&format!("hold-{index}"));
            std::fs::write(&token, "")?;
            command.env("SPINDLE_TEST_HOLD", format!("{stage}:{}", token.display()));
        }
        let mut worker = Process::start(&format!("worker {index}"), &mut command)?;
        worker.wait_for_line("attached")?;
        self.workers.push(worker);
        Ok(index)
    }

    /// Starts several workers that see everything.
    ///
    /// # Errors
    /// If one does not come up.
    pub fn start_workers(&mut self, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| self.start_worker(&WorkerOptions::default()).map(drop))
    }

    /// Returns the controller.
    ///
    /// # Panics
    /// If it has been taken.
    pub fn controller(&mut self) -> &mut Process {
        self.controller.as_mut().expect("the controller runs")
    }

    /// Returns a worker.
    pub fn worker(&mut self, index: usize) -> &mut Process {
        &mut self.workers[index]
    }

    /// Returns the URL of the server.
    pub fn server(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a path in the cluster's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Submits the genome with two lanes, outputs under `out/NAME`, and returns its id.
    ///
    /// # Errors
    /// If it is refused.
    pub fn submit(&self, name: &str) -> Result<String> {
        self.submit_flags(&fixtures::two_lanes("root:data"), name)
    }

    /// Submits a genome.
    ///
    /// # Errors
    /// If it is refused.
    pub fn submit_flags(&self, flags: &[String], name: &str) -> Result<String> {
        self.submit_to(flags, &format!("root:out/{name}"))
    }

    /// Submits a genome whose outputs go anywhere.
    ///
    /// # Errors
    /// If it is refused.
    pub fn submit_to(&self, flags: &[String], out: &str) -> Result<String> {
        let server = self.server();
        let mut arguments = vec!["submit", "--server", &server, "--out", out];
        arguments.extend(fixtures::borrowed(flags));
        Ok(run_well(&arguments)?.trim().to_owned())
    }

    /// Waits until a workflow has ended and returns its status.
    ///
    /// # Errors
    /// Unless it succeeds.
    pub fn wait(&self, workflow_id: &str) -> Result<Value> {
        let server = self.server();
        let mut command = Command::new(spindle());
        command.args(["watch", "--json", "--server", &server, workflow_id]);
        let mut watch = Process::start("watch", &mut command)?;
        let status = watch.wait()?;
        if !status.success() {
            bail!("{workflow_id}: {status}; {}", watch.transcript());
        }
        self.status(workflow_id)
    }

    /// Watches a workflow until a change shows what is waited for.
    ///
    /// # Errors
    /// If it ends before.
    pub fn wait_until(&self, workflow_id: &str, seen: impl Fn(&Value) -> bool) -> Result<Value> {
        watch_until(&self.server(), workflow_id, seen)
    }

    /// Returns the status of a workflow.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn status(&self, workflow_id: &str) -> Result<Value> {
        let server = self.server();
        let text = run_well(&["status", "--json", "--server", &server, workflow_id])?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Reads the published outputs of a workflow.
    ///
    /// # Errors
    /// If a file is missing.
    pub fn outputs(&self, name: &str) -> Result<Outputs> {
        Outputs::read(&self.path("out").join(name))
    }
}

/// Returns the status of one stage.
///
/// # Panics
/// If the workflow has no such stage.
pub fn stage<'a>(status: &'a Value, name: &str) -> &'a Value {
    let stages = status["stages"].as_array().expect("a status has stages");
    stages
        .iter()
        .find(|stage| stage["stage"] == name)
        .expect("the stage exists")
}

/// Runs the genome with two lanes on this machine and returns its outputs.
///
/// # Errors
/// If it fails.
pub fn run_alone(folder: &Path, threads: &str) -> Result<Outputs> {
    let data = fixtures::copy_data(folder)?;
    let out = folder.join("out");
    let (data, out_text) = (data.display().to_string(), out.display().to_string());
    let flags = fixtures::two_lanes(&data);
    let mut arguments = vec!["run", "--threads", threads, "--out", &out_text];
    arguments.extend(fixtures::borrowed(&flags));
    run_well(&arguments)?;
    Outputs::read(&out)
}

/// Watches a workflow through any of these servers until a change shows what is waited for.
///
/// # Errors
/// If it ends before.
pub fn watch_until(
    servers: &str,
    workflow_id: &str,
    seen: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let mut command = Command::new(spindle());
    command.args(["watch", "--json", "--server", servers, workflow_id]);
    let mut watch = Process::start("watch", &mut command)?;
    loop {
        let status: Value = serde_json::from_str(&watch.wait_for_line("{")?)?;
        if seen(&status) {
            return Ok(status);
        }
    }
}
