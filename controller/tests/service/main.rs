//! The controller over gRPC, with workers that do what the tests say.

mod access;
mod authority;
mod cache;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../etcd/server.rs"]
mod etcd;
mod failover;
mod garbage;
mod genome;
mod identity;
mod logins;
mod probes;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../etcd/proxy.rs"]
mod proxy;
mod security;
mod shares;
mod snapshots;
mod support;
mod tls;
mod workers;
