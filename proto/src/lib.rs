//! Wire contracts: `spindle.v1` (public), `spindle.worker.v1` (controller and worker),
//! `spindle.state.v1` (what is stored). Generated code, but for what must not be shown; the contracts are the `.proto` files.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::all,
    reason = "generated; the contracts carry the comments"
)]

/// The public service and its messages.
pub mod v1 {
    tonic::include_proto!("spindle.v1");

    impl std::fmt::Debug for S3Login {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("[login]")
        }
    }
}

/// Between controller and worker.
pub mod worker {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("spindle.worker.v1");
    }
}

/// What is stored.
pub mod state {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("spindle.state.v1");
    }
}

/// The encoded descriptor set of all contracts, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
