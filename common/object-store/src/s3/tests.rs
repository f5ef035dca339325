mod moto;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::backoff::Backoff;
use common::ids::Sha256;
use common::s3_login::S3Login;
use common::secret::Secret;
use futures::TryStreamExt;
use tempfile::TempDir;

use super::*;
use crate::testing::{ACCESS_KEY, Faults, SECRET_KEY, Server};
use crate::{Patience, WHOLE, conformance};

const BUCKET: &str = "genomes";
const PART: usize = 5 << 20;

struct Fixture {
    folder: TempDir,
    server: Server,
}

fn options() -> Options {
    let backoff = Backoff {
        first: Duration::from_millis(1),
        cap: Duration::from_millis(5),
    };
    Options {
        patience: Patience { backoff, tries: 6 },
        // Longer than a busy machine needs for an answer.
        stall: Duration::from_secs(60),
        part_bytes: PART,
        parts_at_once: 2,
    }
}

/// Connects to a server of tests.
fn connection(url: &str, secret_key: &str, options: Options) -> Connection {
    let login = S3Login {
        access_key: ACCESS_KEY.to_owned(),
        secret_key: Secret::new(secret_key),
        session_token: None,
        endpoint: Some(url.to_owned()),
        region: None,
    };
    Connection::with_login(&login, options)
}

impl Fixture {
    async fn start() -> Self {
        Self::start_with(true).await
    }

    async fn start_with(honours_conditions: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let server = Server::start_with(folder.path(), honours_conditions).await;
        Self { folder, server }
    }

    fn connection(&self, secret_key: &str) -> Connection {
        self.connection_with(secret_key, options())
    }

    fn connection_with(&self, secret_key: &str, options: Options) -> Connection {
        connection(self.server.url(), secret_key, options)
    }

    fn store(&self, prefix: &str) -> S3 {
        let address = Address {
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
        };
        S3::new(&self.connection(SECRET_KEY), &address)
    }

    /// Counts the files of uploads that were not finished.
    fn unfinished(&self) -> usize {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let is_upload = |name: &str| name.starts_with(".upload");
        entries
            .filter(|entry| is_upload(entry.as_ref().unwrap().file_name().to_str().unwrap()))
            .count()
    }
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| (i * 7 % 251) as u8).collect()
}

async fn put(store: &S3, name: &str, bytes: Bytes) -> Result<(), Error> {
    let mut writer = store.writer(&key(name)).await?;
    writer.write(bytes).await?;
    writer.commit().await.map(drop)
}

async fn get(store: &S3, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
    let chunks: Vec<Bytes> = store.read(&key(name), range).await?.try_collect().await?;
    Ok(chunks.concat().into())
}

#[tokio::test]
async fn s3_passes_the_conformance_suite() {
    let fixture = Fixture::start().await;
    for prefix in ["", "a/prefix"] {
        conformance::check(&fixture.store(prefix)).await;
    }
    let probed = fixture.store("probed").probed().await.unwrap();
    conformance::check(&probed).await;
}

#[tokio::test]
async fn the_probe_tells_what_a_server_honours() {
    let all = Capabilities {
        if_none_match: true,
        if_match: true,
        checksums: true,
    };
    for honours in [true, false] {
        let fixture = Fixture::start_with(honours).await;
        let store = fixture.store("p").probed().await.unwrap();
        let expected = Capabilities {
            if_none_match: honours,
            if_match: honours,
            ..all
        };
        assert_eq!(store.capabilities(), expected);
        assert_eq!(store.list("").await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_object_of_many_parts_is_written_although_parts_and_answers_are_lost() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    let bytes = pattern(2 * PART + 77);
    fixture.server.misbehave(Faults {
        refused_parts: 3,
        lost_completions: 1,
        ..Faults::default()
    });
    let mut writer = store.writer(&key("large")).await.unwrap();
    for chunk in bytes.chunks(3 << 20) {
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    let written = writer.commit().await.unwrap();
    assert_eq!(written.sha256, Sha256::of(&bytes));
    assert!(get(&store, "large", WHOLE).await.unwrap() == bytes);
    let parts = fixture.server.take_log();
    let parts = parts.iter().filter(|line| line.contains("partNumber"));
    assert_eq!(parts.count(), 3 + 3, "whole parts were sent again");
    assert_eq!(fixture.unfinished(), 0);
}

#[tokio::test]
async fn a_dropped_upload_is_given_up() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    let mut writer = store.writer(&key("dropped")).await.unwrap();
    writer.write(pattern(PART + 1)).await.unwrap();
    assert!(fixture.unfinished() > 0);
    drop(writer);
    let deadline = Instant::now() + Duration::from_secs(10);
    while fixture.unfinished() > 0 {
        assert!(Instant::now() < deadline, "the upload stays");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_read_goes_on_at_its_last_byte() {
    let fixture = Fixture::start().await;
    let impatient = Options {
        stall: Duration::from_secs(2),
        ..options()
    };
    let connection = fixture.connection_with(SECRET_KEY, impatient);
    let store = S3::new(&connection, &fixture.store("p").address());
    let bytes = pattern(3_000_000);
    put(&store, "x", bytes.clone()).await.unwrap();
    for faults in [
        Faults {
            cut_reads: 4,
            ..Faults::default()
        },
        Faults {
            stalled_reads: 1,
            ..Faults::default()
        },
    ] {
        for range in [0..WHOLE.end, 5..2_999_990] {
            fixture.server.misbehave(faults.clone());
            let end = range.end.min(3_000_000) as usize;
            let expected = bytes.slice(range.start as usize..end);
            assert!(
                get(&store, "x", range).await.unwrap() == expected,
                "{faults:?}"
            );
            let left = fixture.server.faults();
            assert_eq!((left.cut_reads, left.stalled_reads), (0, 0));
        }
    }
}

#[tokio::test]
async fn a_storm_is_outlasted_and_its_wait_is_kept() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    fixture.server.misbehave(Faults {
        refused: 1,
        retry_after: Some(1),
        ..Faults::default()
    });
    let start = Instant::now();
    put(&store, "x", pattern(10)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    fixture.server.misbehave(Faults {
        refused: 5,
        ..Faults::default()
    });
    assert_eq!(get(&store, "x", WHOLE).await.unwrap(), pattern(10));
}

#[tokio::test]
async fn an_endless_storm_is_a_passing_fault() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    fixture.server.misbehave(Faults {
        refused: 100,
        ..Faults::default()
    });
    let refused = put(&store, "x", pattern(10)).await.unwrap_err();
    assert!(matches!(refused, Error::Transient { .. }), "{refused}");
    assert_eq!(fixture.server.faults().refused, 100 - 6);
}

#[tokio::test]
async fn an_object_that_is_replaced_under_a_read_is_told_without_if_match_too() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    let bytes = pattern(3 << 20);
    put(&store, "x", bytes.clone()).await.unwrap();
    let first = store.stat(&key("x")).await.unwrap();
    fixture.server.misbehave(Faults {
        cut_reads: 1,
        ..Faults::default()
    });
    let mut chunks = store.read(&key("x"), WHOLE).await.unwrap();
    assert!(chunks.try_next().await.unwrap().is_some());
    let other: Bytes = bytes.iter().map(|byte| byte ^ 1).collect();
    put(&store, "x", other).await.unwrap();
    let rest: Result<Vec<Bytes>, Error> = chunks.try_collect().await;
    assert!(matches!(rest, Err(Error::Changed { .. })));
    let second = store.stat(&key("x")).await.unwrap();
    assert_ne!(first.modified_ns, second.modified_ns);
}

#[tokio::test]
async fn wrong_keys_and_missing_buckets_are_denied() {
    let fixture = Fixture::start().await;
    let address: Address = format!("s3://{BUCKET}/p").parse().unwrap();
    let stranger = S3::new(&fixture.connection("wrong"), &address);
    let refused = put(&stranger, "x", pattern(10)).await.unwrap_err();
    assert!(matches!(refused, Error::Denied { .. }), "{refused}");
    assert!(matches!(stranger.probed().await, Err(Error::Denied { .. })));
    let nowhere: Address = "s3://nowhere".parse().unwrap();
    let nowhere = S3::new(&fixture.connection(SECRET_KEY), &nowhere);
    assert!(matches!(nowhere.list("").await, Err(Error::Denied { .. })));
    let shown = format!("{:?}", fixture.connection(SECRET_KEY));
    assert!(!shown.contains(SECRET_KEY));
}

#[tokio::test]
async fn pieces_become_one_object_and_large_ones_do_not_pass_this_machine() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    let (large, small) = (pattern(2 * PART + 5), pattern(1000));
    put(&store, "large", large.clone()).await.unwrap();
    put(&store, "small", small.clone()).await.unwrap();
    let copy = |name: &str, range: Range<u64>| Piece::Copy {
        source: store.place(&key(name)),
        range,
    };
    let header = Bytes::from_static(b"header");
    let end = large.len() as u64;
    let pieces = vec![
        Piece::Bytes(header.clone()),
        copy("small", 1..999),
        copy("large", 0..end),
        copy("small", 0..1000),
    ];
    let expected = [&header[..], &small[1..999], &large, &small].concat();
    fixture.server.take_log();
    let name = store.place(&key("whole")).key;
    let tags = Tags::from([("digest".to_owned(), "abc".to_owned())]);
    let size = store
        .bucket()
        .compose(&name, pieces, tags.clone())
        .await
        .unwrap();
    assert_eq!(size, expected.len() as u64);
    assert!(get(&store, "whole", WHOLE).await.unwrap() == expected);
    let found = store.bucket().look(&name).await.unwrap().1;
    assert_eq!(found.get("digest"), tags.get("digest"));
    let few = vec![copy("small", 0..10), Piece::Bytes(header)];
    store
        .bucket()
        .compose(&name, few, Tags::new())
        .await
        .unwrap();
    assert_eq!(get(&store, "whole", WHOLE).await.unwrap().len(), 16);
}

#[tokio::test]
async fn a_copy_keeps_the_bytes_and_takes_a_name_only_if_it_is_free() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    put(&store, "x", pattern(100)).await.unwrap();
    let (source, target) = (store.place(&key("x")), store.place(&key("y")).key);
    let bucket = store.bucket();
    let tags = Tags::from([("digest".to_owned(), "d".to_owned())]);
    bucket
        .copy(&source, 100, &target, tags.clone(), false)
        .await
        .unwrap();
    assert_eq!(get(&store, "y", WHOLE).await.unwrap(), pattern(100));
    assert_eq!(bucket.look(&target).await.unwrap().1, tags);
    let writer = bucket.writer(&target).if_absent();
    let taken = Box::new(writer).commit().await.unwrap_err();
    assert!(matches!(taken, Error::Changed { .. }), "{taken}");
    let gone = store.place(&key("gone"));
    let missing = bucket.copy(&gone, 1, &target, Tags::new(), false).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn what_is_below_a_prefix_goes_together() {
    let fixture = Fixture::start().await;
    let store = fixture.store("p");
    for name in ["work/1/a", "work/1/b/c", "work/10/a"] {
        put(&store, name, pattern(3)).await.unwrap();
    }
    assert_eq!(store.delete_all("work/1/").await.unwrap(), 2);
    let left = store.list("").await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key, key("work/10/a"));
}
