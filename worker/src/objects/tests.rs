use std::io::{Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use common::failure::FailureClass;
use object_store::{ByteStream, Error as StoreError, Listed, Local, ObjectWriter, Stat};
use tokio::runtime::Runtime;

use super::*;

fn local(folder: &Path) -> (Runtime, Objects) {
    let runtime = Runtime::new().unwrap();
    let store = Arc::new(Local::open(folder).unwrap());
    let objects = Objects::new(store, runtime.handle().clone());
    (runtime, objects)
}

fn write(objects: &Objects, folder: &Path, bytes: &[u8]) -> Result<ObjectRef, Failure> {
    let mut out = objects.create("t/1/x", folder)?;
    out.write_all(bytes).map_err(|e| error::storage(&e))?;
    out.commit()
}

fn read(mut reader: ObjectReader) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    reader
        .read_to_end(&mut bytes)
        .map_err(|e| error::storage(&e))?;
    Ok(bytes)
}

#[test]
fn what_is_written_is_read_whole_and_by_range() {
    let folder = tempfile::tempdir().unwrap();
    let (_runtime, objects) = local(folder.path());
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let object = write(&objects, folder.path(), &bytes).unwrap();
    assert_eq!(object.sha256, common::ids::Sha256::of(&bytes));
    assert!(read(objects.open(&object).unwrap()).unwrap() == bytes);
    let part = read(objects.open_range(&object, 5..12).unwrap()).unwrap();
    assert_eq!(part, &bytes[5..12]);
    let tail = read(objects.open_range(&object, 2_999_999..u64::MAX).unwrap()).unwrap();
    assert_eq!(tail.len(), 1);
}

#[test]
fn an_object_that_changed_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (_runtime, objects) = local(folder.path());
    let object = write(&objects, folder.path(), b"abc").unwrap();
    let path = objects.path(&object).unwrap();
    for changed in ["abd", "ab", "abcd"] {
        std::fs::write(&path, changed).unwrap();
        let failure = read(objects.open(&object).unwrap()).unwrap_err();
        assert_eq!(failure.class, FailureClass::IntermediateLost, "{changed}");
    }
    std::fs::write(&path, "ab").unwrap();
    let failure = read(objects.open_range(&object, 1..3).unwrap()).unwrap_err();
    assert_eq!(failure.class, FailureClass::IntermediateLost);
    std::fs::remove_file(path).unwrap();
    let failure = objects.open(&object).err().unwrap();
    assert_eq!(failure.class, FailureClass::IntermediateLost);
}

/// A store far away, whose first writers break.
struct Far {
    inner: Local,
    faults: AtomicU32,
    reads: AtomicU32,
}

impl Far {
    fn open(folder: &Path, faults: u32) -> Arc<Self> {
        Arc::new(Self {
            inner: Local::open(&folder.join("objects")).unwrap(),
            faults: AtomicU32::new(faults),
            reads: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl ObjectStore for Far {
    async fn stat(&self, key: &Key) -> Result<Stat, StoreError> {
        self.inner.stat(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(key, range).await
    }

    async fn writer(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, StoreError> {
        let left = self.faults.load(Ordering::Relaxed);
        if left == 0 {
            return self.inner.writer(key).await;
        }
        self.faults.store(left - 1, Ordering::Relaxed);
        Err(StoreError::Transient {
            key: key.to_string(),
            reason: "away".into(),
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}

#[test]
fn a_store_far_away_gets_the_object_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = Far::open(folder.path(), 1);
    let objects = Objects::new(store, runtime.handle().clone());
    let object = write(&objects, folder.path(), b"late").unwrap();
    assert_eq!(read(objects.open(&object).unwrap()).unwrap(), b"late");
    assert_eq!(
        read(objects.open_range(&object, 1..3).unwrap()).unwrap(),
        b"at"
    );
}

#[test]
fn pieces_come_in_order_from_near_and_far() {
    let folder = tempfile::tempdir().unwrap();
    let (runtime, near) = local(folder.path());
    let far = Objects::new(Far::open(folder.path(), 0), runtime.handle().clone());
    for objects in [near, far] {
        let object = write(&objects, folder.path(), b"0123456789").unwrap();
        let piece = |range: Range<u64>| (&object, range);
        let pieces: Vec<_> = (0..40).map(|at| piece(at % 9..at % 9 + 2)).collect();
        for (at, bytes) in objects.pieces(&pieces).unwrap().iter().enumerate() {
            assert_eq!(bytes[..], b"0123456789"[at % 9..at % 9 + 2]);
        }
        let ends = [piece(8..u64::MAX), piece(10..u64::MAX), piece(3..3)];
        assert_eq!(objects.pieces(&ends).unwrap(), ["89", "", ""]);
        let longer = ObjectRef {
            size_bytes: 11,
            ..object.clone()
        };
        let short = objects.pieces(&[piece(0..1), (&longer, 9..11)]);
        assert_eq!(short.unwrap_err().class, FailureClass::IntermediateLost);
        let other = ObjectRef {
            sha256: common::ids::Sha256::of(b"other"),
            ..object.clone()
        };
        let all = [&object, &object, &other];
        let mut each = objects.read_each(&all[..2]);
        assert!(each.all(|bytes| bytes.unwrap() == "0123456789"));
        let lost = objects.read_each(&all).find_map(Result::err).unwrap();
        assert_eq!(lost.class, FailureClass::IntermediateLost);
        assert_eq!(lost.file.as_deref(), Some("t/1/x"));
    }
}

#[test]
fn what_tasks_have_in_common_is_fetched_once() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = Far::open(folder.path(), 0);
    let objects = Objects::new(Arc::clone(&store) as _, runtime.handle().clone());
    let object = write(&objects, folder.path(), b"0123456789").unwrap();
    let reads = || store.reads.swap(0, Ordering::Relaxed);
    let pieces = [(&object, 0..2), (&object, 5..7)];
    assert_eq!(objects.kept_pieces(&pieces).unwrap(), ["01", "56"]);
    assert_eq!(reads(), 2);
    let more = [(&object, 5..7), (&object, 1..3), (&object, 0..2)];
    let again = objects.clone();
    assert_eq!(again.kept_pieces(&more).unwrap(), ["56", "12", "01"]);
    assert_eq!(reads(), 1);
    for fetched in [1, 0] {
        assert_eq!(objects.read_kept(&object).unwrap(), "0123456789");
        assert_eq!(reads(), fetched);
    }
    // What came damaged is asked for again.
    let other = ObjectRef {
        sha256: common::ids::Sha256::of(b"other"),
        ..object
    };
    for fetched in [0, 1] {
        let lost = objects.read_kept(&other).unwrap_err();
        assert_eq!(lost.class, FailureClass::IntermediateLost);
        assert_eq!(reads(), fetched);
    }
}
