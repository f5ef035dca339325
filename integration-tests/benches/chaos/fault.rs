//! What happens, and to whom.

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Signal 9; it is started again.
    Kill,
    /// It stands still past its lease.
    Pause,
    /// Its host is cut off past its lease.
    Cut,
}

/// Whom it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The controller that leads.
    Leader,
    /// The other controller.
    Follower,
    /// A worker with a task of the stage.
    Worker,
    /// A member of etcd.
    Member,
    /// The server of S3.
    Storage,
}

impl Fault {
    /// Returns its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Cut => "partition",
        }
    }
}

impl Role {
    /// Returns its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Worker => "worker",
            Self::Member => "etcd",
            Self::Storage => "s3",
        }
    }
}

/// Returns every fault of every role.
pub fn all() -> impl Iterator<Item = (Fault, Role)> {
    let roles = [
        Role::Leader,
        Role::Follower,
        Role::Worker,
        Role::Member,
        Role::Storage,
    ];
    let faults = [Fault::Kill, Fault::Pause, Fault::Cut];
    let with = move |fault| roles.into_iter().map(move |role| (fault, role));
    faults.into_iter().flat_map(with)
}
