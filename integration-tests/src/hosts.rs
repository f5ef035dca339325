//! Several hosts on this machine: network namespaces on a bridge of their own, whose cables can be
//! pulled. Making them takes the rights of root.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A network between this process and its hosts; all of it goes when this is dropped.
pub struct Network {
    bridge: String,
    third: u8,
    hosts: Vec<String>,
}

/// A host of a network.
#[derive(Debug, Clone)]
pub struct Host {
    namespace: String,
    cable: String,
    /// Its address, which this process and the other hosts reach.
    pub address: Ipv4Addr,
}

impl Network {
    /// Makes a network without hosts.
    ///
    /// # Errors
    /// If this process lacks the rights, or `ip` is not installed.
    pub fn new() -> Result<Self> {
        let id = std::process::id();
        let third = u8::try_from(id % 250).unwrap_or_default();
        let bridge = format!("sb{id}");
        ip(&["link", "add", &bridge, "type", "bridge"]).context("root's rights are needed")?;
        let network = Self {
            bridge,
            third,
            hosts: Vec::new(),
        };
        let address = format!("{}/24", network.address(1));
        ip(&["addr", "add", &address, "dev", &network.bridge])?;
        ip(&["link", "set", &network.bridge, "up"])?;
        Ok(network)
    }

    /// Adds a host.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn host(&mut self) -> Result<Host> {
        let number = u8::try_from(self.hosts.len() + 2).context("too many hosts")?;
        let id = std::process::id();
        let (namespace, cable) = (format!("sn{id}-{number}"), format!("sc{id}-{number}"));
        let (inner, address) = (format!("si{id}-{number}"), self.address(number));
        ip(&["netns", "add", &namespace])?;
        self.hosts.push(namespace.clone());
        ip(&[
            "link", "add", &cable, "type", "veth", "peer", "name", &inner, "netns", &namespace,
        ])?;
        ip(&["link", "set", &cable, "master", &self.bridge, "up"])?;
        let inside = |arguments: &[&str]| ip(&[&["-n", &namespace], arguments].concat());
        inside(&["addr", "add", &format!("{address}/24"), "dev", &inner])?;
        inside(&["link", "set", &inner, "up"])?;
        inside(&["link", "set", "lo", "up"])?;
        Ok(Host {
            namespace,
            cable,
            address,
        })
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, self.third, last)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What is left of it does no harm: its names are this process's own.
        for host in &self.hosts {
            ip(&["netns", "del", host]).ok();
        }
        ip(&["link", "del", &self.bridge]).ok();
    }
}

impl Host {
    /// Returns a command that runs a program on this host.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(program);
        command
    }

    /// Pulls the cable: nothing comes in or out, and nobody is told.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn cut(&self) -> Result<()> {
        ip(&["link", "set", &self.cable, "down"])
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn heal(&self) -> Result<()> {
        ip(&["link", "set", &self.cable, "up"])
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("ip of the package iproute2 is missing")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "ip {}: {said}",
        arguments.join(" ")
    );
    Ok(())
}
