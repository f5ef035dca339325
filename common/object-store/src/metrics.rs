//! What goes to and from the stores, counted for operators.

use std::sync::LazyLock;

use common::metrics::counters;
use common::metrics::prometheus::{IntCounter, IntCounterVec};
use futures::{StreamExt, TryStreamExt};

use crate::ByteStream;

/// Bytes of objects by store and direction.
pub static BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        BYTES_NAME,
        "Bytes of objects that were read and written, by kind of store.",
        &["direction", "store"],
    )
});

/// Requests to S3 by outcome, the tries of one call each.
pub static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        REQUESTS_NAME,
        "Requests to S3 that were answered, and that failed or were refused.",
        &["outcome"],
    )
});

/// Requests that were made again after a passing fault.
pub static RETRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        RETRIES_NAME,
        "Requests to object stores that were made again after a passing fault.",
        &[],
    )
});

/// Names of the counters that a task hands to its worker.
pub const BYTES_NAME: &str = "spindle_object_store_bytes_total";
/// As [`BYTES_NAME`].
pub const REQUESTS_NAME: &str = "spindle_object_store_requests_total";
/// As [`BYTES_NAME`].
pub const RETRIES_NAME: &str = "spindle_object_store_retries_total";

/// The counters that a task hands to its worker, by name.
pub fn relayed() -> [(&'static str, &'static IntCounterVec); 3] {
    [
        (BYTES_NAME, &BYTES),
        (REQUESTS_NAME, &REQUESTS),
        (RETRIES_NAME, &RETRIES),
    ]
}

/// Makes the counters known before they first count.
pub fn register() {
    LazyLock::force(&BYTES);
    for outcome in ["ok", "failed"] {
        REQUESTS.with_label_values(&[outcome]);
    }
    retries();
}

fn retries() -> IntCounter {
    let none: [&str; 0] = [];
    RETRIES.with_label_values(&none)
}

/// Counts what a stream gives.
pub(crate) fn read(store: &'static str, stream: ByteStream) -> ByteStream {
    let bytes = BYTES.with_label_values(&["read", store]);
    stream
        .inspect_ok(move |chunk| bytes.inc_by(chunk.len() as u64))
        .boxed()
}

/// Counts what is written.
pub(crate) fn written(store: &'static str, bytes: usize) {
    let counter = BYTES.with_label_values(&["written", store]);
    counter.inc_by(bytes as u64);
}

/// Counts a request that is made again.
pub(crate) fn retried() {
    retries().inc();
}

/// Counts a request to S3.
pub(crate) fn asked<T, E>(answer: &Result<T, E>) {
    let outcome = match answer {
        Ok(_) => "ok",
        Err(_) => "failed",
    };
    REQUESTS.with_label_values(&[outcome]).inc();
}
