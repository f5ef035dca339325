//! Real etcd servers on free ports of this machine, each in a folder of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Tries to start a server: another process may take one of its ports first.
const TRIES: usize = 5;

/// The members of one cluster; they are killed when this is dropped.
pub struct Etcd {
    members: Vec<Option<Member>>,
    clients: Vec<u16>,
}

struct Member {
    child: Child,
    _folder: TempDir,
}

impl Etcd {
    /// Starts a cluster of one.
    pub fn start() -> Self {
        Self::cluster(1)
    }

    /// Starts a cluster of several members.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn cluster(size: usize) -> Self {
        for _ in 0..TRIES {
            if let Some(cluster) = Self::try_start(size) {
                return cluster;
            }
        }
        panic!("etcd does not start: is the Debian package etcd-server installed?");
    }

    /// Returns the name of the cluster.
    pub fn address(&self, prefix: &str) -> String {
        let members: Vec<_> = self
            .clients
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        format!("etcd://{}/{prefix}", members.join(","))
    }

    /// Returns the port for clients of a member.
    pub fn port(&self, member: usize) -> u16 {
        self.clients[member]
    }

    /// Kills a member with signal 9.
    pub fn kill(&mut self, member: usize) {
        self.members[member] = None;
    }

    fn try_start(size: usize) -> Option<Self> {
        let ports = free_ports(2 * size);
        let (clients, peers) = ports.split_at(size);
        let names: Vec<_> = peers
            .iter()
            .map(|port| format!("m{port}={}", url(*port)))
            .collect();
        let initial = names.join(",");
        let spawned: Vec<_> = clients
            .iter()
            .zip(peers)
            .map(|(client, peer)| spawn(*client, *peer, &initial))
            .collect();
        let ready = |(member, lines): (Member, Lines)| wait(lines).then_some(Some(member));
        let members: Option<Vec<_>> = spawned.into_iter().map(ready).collect();
        Some(Self {
            members: members?,
            clients: clients.to_vec(),
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The command of a member: its name, its URLs for clients and for peers, its folder. It prints nothing
/// but to standard error.
pub fn member(name: &str, client: &str, peer: &str, folder: &Path) -> Command {
    let mut command = Command::new("etcd");
    command.args(["--name", name]);
    command.arg("--data-dir").arg(folder);
    for flag in ["--listen-client-urls", "--advertise-client-urls"] {
        command.args([flag, client]);
    }
    for flag in ["--listen-peer-urls", "--initial-advertise-peer-urls"] {
        command.args([flag, peer]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

type Lines = BufReader<std::process::ChildStderr>;

fn spawn(client: u16, peer: u16, initial: &str) -> (Member, Lines) {
    let folder = tempfile::tempdir().expect("a folder for etcd");
    let mut command = member(&format!("m{peer}"), &url(client), &url(peer), folder.path());
    command.args(["--initial-cluster", initial]);
    command.stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .expect("the Debian package etcd-server is installed");
    let told = child.stderr.take().expect("it is piped");
    let member = Member {
        child,
        _folder: folder,
    };
    (member, BufReader::new(told))
}

/// Waits until a member serves clients; false if it ends before.
fn wait(mut lines: Lines) -> bool {
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if line.contains("ready to serve client requests") {
            // What it goes on to say must not block it.
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return true;
        }
        line.clear();
    }
    false
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Returns ports that nobody listens on.
pub fn free_ports(count: usize) -> Vec<u16> {
    let bind = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
    let held: Vec<_> = (0..count).map(bind).collect();
    held.iter()
        .map(|listener| listener.local_addr().expect("it is bound").port())
        .collect()
}
