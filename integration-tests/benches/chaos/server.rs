//! A process on a host of its own, which can be killed, paused, cut off and started again.

use std::process::Command;

use anyhow::{Context, Result};
use integration_tests::hosts::Host;
use integration_tests::process::Process;
use nix::sys::signal::Signal;

use crate::fault::Fault;

/// How a process is started on its host.
type Make = Box<dyn Fn(&Host) -> Command>;

/// A process that can be started again.
pub struct Server {
    name: String,
    host: Host,
    make: Make,
    /// What it prints once it is there.
    ready: &'static str,
    process: Option<Process>,
}

impl Server {
    /// Describes a process.
    pub fn new(name: &str, host: Host, ready: &'static str, make: Make) -> Self {
        Self {
            name: name.to_owned(),
            host,
            make,
            ready,
            process: None,
        }
    }

    /// Starts it; see [`Self::wait`].
    pub fn start(&mut self) -> Result<()> {
        let mut command = (self.make)(&self.host);
        self.process = Some(Process::start(&self.name, &mut command)?);
        Ok(())
    }

    /// Waits until it says that it is there.
    pub fn wait(&mut self) -> Result<()> {
        let ready = self.ready;
        self.process()?.wait_for_line(ready).map(drop)
    }

    /// Says whether it printed a line with all these parts.
    pub fn has_printed(&mut self, parts: &[&str]) -> Result<bool> {
        Ok(self.process()?.has_printed(parts))
    }

    /// Lets a fault begin.
    pub fn strike(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill => self.process()?.kill_hard(),
            Fault::Pause => self.process()?.signal(Signal::SIGSTOP),
            Fault::Cut => self.host.cut(),
        }
    }

    /// Lets a fault end.
    pub fn recover(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Kill => self.start().and_then(|()| self.wait()),
            Fault::Pause => self.process()?.signal(Signal::SIGCONT),
            Fault::Cut => self.host.heal(),
        }
    }

    /// Returns all it printed since it was started.
    pub fn transcript(&mut self) -> String {
        self.process
            .as_mut()
            .map_or_else(String::new, Process::transcript)
    }

    fn process(&mut self) -> Result<&mut Process> {
        let name = self.name.clone();
        self.process
            .as_mut()
            .with_context(|| format!("{name} was not started"))
    }
}
