//! What every store must do: one suite, run over each of them.
#![expect(clippy::unwrap_used, reason = "a suite of tests")]

use bytes::Bytes;
use common::ids::Sha256;
use futures::TryStreamExt;

use crate::{CHUNK_BYTES, Error, Key, ObjectStore, WHOLE, Written};

/// Runs the suite over an empty store, and leaves it empty.
///
/// # Panics
/// If the store breaks a law.
pub async fn check(store: &dyn ObjectStore) {
    committed_objects_appear_whole(store).await;
    dropped_writers_leave_nothing(store).await;
    ranges_are_read_exactly(store).await;
    large_objects_come_in_bounded_chunks(store).await;
    missing_objects_are_not_found(store).await;
    a_commit_replaces_the_older_object(store).await;
    writers_of_one_key_do_not_mix(store).await;
    lists_are_by_prefix_and_in_order(store).await;
    for listed in store.list("").await.unwrap() {
        store.delete(&listed.key).await.unwrap();
    }
    assert_eq!(store.list("").await.unwrap(), []);
}

async fn committed_objects_appear_whole(store: &dyn ObjectStore) {
    let key = key("whole/object");
    let mut writer = store.writer(&key).await.unwrap();
    for chunk in ["one ", "", "two"] {
        writer.write(chunk.into()).await.unwrap();
    }
    let expected = Written {
        size_bytes: 7,
        sha256: Sha256::of(b"one two"),
    };
    assert_eq!(writer.so_far(), expected);
    assert!(
        is_missing(store, &key).await,
        "an object appeared before its commit"
    );
    assert_eq!(writer.commit().await.unwrap(), expected);
    assert_eq!(read(store, &key, WHOLE).await, b"one two");
    let stat = store.stat(&key).await.unwrap();
    assert_eq!(stat.size_bytes, 7);
    assert!(stat.modified_ns > 0);
}

async fn dropped_writers_leave_nothing(store: &dyn ObjectStore) {
    let key = key("dropped/object");
    let mut writer = store.writer(&key).await.unwrap();
    writer.write("lost".into()).await.unwrap();
    drop(writer);
    assert!(is_missing(store, &key).await);
    assert_eq!(store.list("dropped").await.unwrap(), []);
}

async fn ranges_are_read_exactly(store: &dyn ObjectStore) {
    let key = key("ranges");
    put(store, &key, b"0123456789").await;
    let cases: [(std::ops::Range<u64>, &[u8]); 6] = [
        (0..10, b"0123456789"),
        (3..5, b"34"),
        (8..100, b"89"),
        (4..4, b""),
        (10..20, b""),
        (50..60, b""),
    ];
    for (range, expected) in cases {
        assert_eq!(
            read(store, &key, range.clone()).await,
            expected,
            "{range:?}"
        );
    }
}

async fn large_objects_come_in_bounded_chunks(store: &dyn ObjectStore) {
    let key = key("large");
    let bytes: Vec<u8> = (0..CHUNK_BYTES * 5 / 2).map(|i| (i % 251) as u8).collect();
    let mut writer = store.writer(&key).await.unwrap();
    writer.write(bytes.clone().into()).await.unwrap();
    assert_eq!(writer.commit().await.unwrap().sha256, Sha256::of(&bytes));
    let stream = store.read(&key, WHOLE).await.unwrap();
    let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert!(
        chunks
            .iter()
            .all(|chunk| (1..=CHUNK_BYTES).contains(&chunk.len()))
    );
    assert!(
        chunks.concat() == bytes,
        "a large object changed on its way"
    );
}

async fn missing_objects_are_not_found(store: &dyn ObjectStore) {
    let key = key("no/such/object");
    assert!(is_missing(store, &key).await);
    let read = async {
        let stream = store.read(&key, 0..1).await?;
        stream.try_collect::<Vec<Bytes>>().await
    };
    assert!(matches!(read.await, Err(Error::NotFound { .. })));
    store.delete(&key).await.unwrap();
}

async fn a_commit_replaces_the_older_object(store: &dyn ObjectStore) {
    let key = key("replaced");
    put(store, &key, b"a longer, older object").await;
    put(store, &key, b"new").await;
    assert_eq!(read(store, &key, WHOLE).await, b"new");
    store.delete(&key).await.unwrap();
    assert!(is_missing(store, &key).await);
}

async fn writers_of_one_key_do_not_mix(store: &dyn ObjectStore) {
    let key = key("contested");
    let mut first = store.writer(&key).await.unwrap();
    let mut second = store.writer(&key).await.unwrap();
    first.write("aaaa".into()).await.unwrap();
    second.write("bb".into()).await.unwrap();
    first.write("aaaa".into()).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(read(store, &key, WHOLE).await, b"aaaaaaaa");
    second.commit().await.unwrap();
    assert_eq!(read(store, &key, WHOLE).await, b"bb");
}

async fn lists_are_by_prefix_and_in_order(store: &dyn ObjectStore) {
    for text in ["list/b", "list/a/x", "list/a-b", "listed"] {
        put(store, &key(text), text.as_bytes()).await;
    }
    let cases: [(&str, &[&str]); 4] = [
        ("list/", &["list/a-b", "list/a/x", "list/b"]),
        ("list/a", &["list/a-b", "list/a/x"]),
        ("list/a/", &["list/a/x"]),
        ("nothing/", &[]),
    ];
    for (prefix, expected) in cases {
        let listed = store.list(prefix).await.unwrap();
        let keys: Vec<&str> = listed.iter().map(|listed| listed.key.as_str()).collect();
        assert_eq!(keys, expected, "{prefix}");
        assert!(
            listed
                .iter()
                .all(|l| l.size_bytes == l.key.as_str().len() as u64)
        );
    }
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

async fn put(store: &dyn ObjectStore, key: &Key, bytes: &[u8]) {
    let mut writer = store.writer(key).await.unwrap();
    writer.write(Bytes::copy_from_slice(bytes)).await.unwrap();
    writer.commit().await.unwrap();
}

async fn read(store: &dyn ObjectStore, key: &Key, range: std::ops::Range<u64>) -> Vec<u8> {
    let stream = store.read(key, range).await.unwrap();
    let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
    chunks.concat()
}

async fn is_missing(store: &dyn ObjectStore, key: &Key) -> bool {
    matches!(store.stat(key).await, Err(Error::NotFound { .. }))
}
