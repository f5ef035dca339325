//! A child process whose lines are read as they come, and which ends with its owner.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Every wait in the tests ends by then.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A running process.
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts a process; its standard output and error are read line by line.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let (sender, lines) = channel();
        forward(
            child.stdout.take().context("stdout is piped")?,
            sender.clone(),
        );
        forward(child.stderr.take().context("stderr is piped")?, sender);
        Ok(Self {
            name: name.into(),
            child,
            lines,
            seen: Vec::new(),
        })
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that contains `part`, and returns it.
    ///
    /// # Errors
    /// With everything that was printed, if the line does not come in time.
    pub fn wait_for_line(&mut self, part: &str) -> Result<String> {
        let end = Instant::now() + DEADLINE;
        loop {
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{}: no line with {part:?} in time", self.transcript())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{}: ended without {part:?}", self.transcript())
                }
            }
        }
    }

    /// Says whether a line with all these parts was printed so far.
    pub fn has_printed(&mut self, parts: &[&str]) -> bool {
        self.seen.extend(self.lines.try_iter());
        let fits = |line: &String| parts.iter().all(|part| line.contains(part));
        self.seen.iter().any(fits)
    }

    /// Returns the line that contains `part`, among those that were read or those that come.
    ///
    /// # Errors
    /// As [`Self::wait_for_line`].
    pub fn find_line(&mut self, part: &str) -> Result<String> {
        match self.seen.iter().find(|line| line.contains(part)) {
            Some(line) => Ok(line.clone()),
            None => self.wait_for_line(part),
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// With everything that was printed, if it does not end in time.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let end = Instant::now() + DEADLINE;
        loop {
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return Ok(self.child.wait()?),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{}: did not end in time", self.transcript())
                }
            }
        }
    }

    /// Ends the process at once, without warning.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub fn kill_hard(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid().cast_signed());
        kill(pid, signal).with_context(|| format!("{}: {signal} was not sent", self.name))
    }

    /// Returns the name and what was printed so far.
    pub fn transcript(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        format!("{}\n{}\n", self.name, self.seen.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}", self.transcript());
        }
        // A process that has ended already cannot be killed, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn forward(stream: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

/// Returns the path of the program under test, built beside the tests.
///
/// # Panics
/// If it has not been built: `cargo build --workspace` does it.
pub fn spindle() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("tests are in target/PROFILE/deps");
    let program = folder.join("spindle");
    assert!(
        program.exists(),
        "{} is missing: run cargo build --workspace",
        program.display()
    );
    program
}

/// Runs the program under test to its end.
///
/// # Errors
/// If it cannot be started.
pub fn run(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(spindle())
        .args(arguments)
        .stdin(Stdio::null())
        .output()?)
}

/// Runs the program under test and returns its standard output.
///
/// # Errors
/// With standard error, if it does not end well.
pub fn run_well(arguments: &[&str]) -> Result<String> {
    let output = run(arguments)?;
    if !output.status.success() {
        bail!(
            "{arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs another program that judges a file.
///
/// # Errors
/// With all it printed, if it does not end well.
pub fn judge(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{program} is missing: make test installs it"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{program} {arguments:?}: {}\n{text}\n{errors}",
            output.status
        );
    }
    Ok(text)
}
