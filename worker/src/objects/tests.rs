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
}

#[async_trait]
impl ObjectStore for Far {
    async fn stat(&self, key: &Key) -> Result<Stat, StoreError> {
        self.inner.stat(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
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
    let inner = Local::open(&folder.path().join("objects")).unwrap();
    let store = Arc::new(Far {
        inner,
        faults: AtomicU32::new(1),
    });
    let objects = Objects::new(store, runtime.handle().clone());
    let object = write(&objects, folder.path(), b"late").unwrap();
    assert_eq!(read(objects.open(&object).unwrap()).unwrap(), b"late");
    assert_eq!(
        read(objects.open_range(&object, 1..3).unwrap()).unwrap(),
        b"at"
    );
}
