//! Compiles the wire contracts without an installed `protoc`.

use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 11] = [
    "spindle/v1/genome.proto",
    "spindle/v1/workflow.proto",
    "spindle/v1/genomics.proto",
    "spindle/v1/references.proto",
    "spindle/worker/v1/task.proto",
    "spindle/worker/v1/process.proto",
    "spindle/worker/v1/workers.proto",
    "spindle/worker/v1/objects.proto",
    "spindle/state/v1/fact.proto",
    "spindle/state/v1/snapshot.proto",
    "spindle/state/v1/cache.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=spindle");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".spindle.v1.UploadReadsRequest.chunk")
        .bytes(".spindle.v1.DownloadOutputResponse.chunk")
        .bytes(".spindle.worker.v1.ReadResponse.chunk")
        .bytes(".spindle.worker.v1.WriteRequest.chunk")
        .btree_map(".")
        .skip_debug([".spindle.v1.S3Login"])
        .compile_fds(descriptors)?;
    Ok(())
}
