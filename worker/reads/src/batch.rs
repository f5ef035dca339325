//! A read batch: the reads of one `align` task in one object, as they come from the sequencer.
//!
//! Main path: [`Writer`] packs reads frame by frame, [`read`] unpacks all. Of a base all that is
//! kept is its code: what is none of A, C, G and T in either case comes back as an N.
//!
//! Layout: magic, version, frames. A frame is its length and four columns: unknown bases, bases in
//! two bits, qualities by zstd, names and lengths by LZ4.

mod unpack;
mod write;

pub use unpack::read;
pub use write::Writer;

const MAGIC: [u8; 8] = *b"SPNDLRDS";
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use genome::reads::Read as SequencedRead;
    use proptest::prelude::*;

    type Sketch = (String, String, bool);

    fn packed(reads: &[Sketch]) -> (Vec<u8>, u64) {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let mut total = 0;
        for (name, bases, has_qualities) in reads {
            let qualities: Vec<u8> = (0..bases.len()).map(|at| (at * at % 40) as u8).collect();
            total += bases.len() as u64;
            let read = SequencedRead {
                name: name.as_bytes(),
                bases: bases.as_bytes(),
                qualities: if *has_qualities { &qualities } else { &[] },
            };
            writer.push(read).unwrap();
        }
        (writer.finish().unwrap(), total)
    }

    fn sketch() -> impl Strategy<Value = Sketch> {
        (
            "[a-c:]{1,9}",
            "[ACGT]{0,9}[NR]{0,2}[acgt]{0,9}N?[A]{0,2}",
            any::<bool>(),
        )
    }

    proptest! {
        #[test]
        fn reads_come_back_with_known_letters(sketches in prop::collection::vec(sketch(), 0..60)) {
            let (bytes, total) = packed(&sketches);
            let found = read(bytes.as_slice(), sketches.len() as u64, total).unwrap();
            for (found, (name, bases, has_qualities)) in found.iter().zip(&sketches) {
                let letters = bases.to_ascii_uppercase().replace('R', "N");
                prop_assert_eq!(found.name, name.as_bytes());
                prop_assert_eq!(found.bases, letters.as_bytes());
                let qualities = if *has_qualities { bases.len() } else { 0 };
                prop_assert_eq!(found.qualities.len(), qualities);
                let right = |(at, &quality): (usize, &u8)| usize::from(quality) == at * at % 40;
                prop_assert!(found.qualities.iter().enumerate().all(right));
            }
        }

        #[test]
        fn damage_is_no_panic(at in 12..2000usize, value in any::<u8>()) {
            let sketch = |at| (format!("read:{at}"), "ACGNTTGACA".repeat(4), true);
            let sketches: Vec<Sketch> = (0..60).map(sketch).collect();
            let (mut bytes, total) = packed(&sketches);
            let at = at % bytes.len();
            let _ = read(&bytes[..at], 60, total);
            bytes[at] = value;
            let _ = read(bytes.as_slice(), 60, total);
        }
    }

    #[test]
    fn batches_of_many_frames_are_whole() {
        let sketch = |at| (format!("lane:{at}"), "ACGT".repeat(30), true);
        let sketches: Vec<Sketch> = (0..5000).map(sketch).collect();
        let (bytes, total) = packed(&sketches);
        let found = read(bytes.as_slice(), 5000, total).unwrap();
        assert_eq!(found.get(4999).name, b"lane:4999");
        assert!(read(bytes.as_slice(), 4999, total).is_err());
        assert!(read(bytes.as_slice(), 5000, total + 1).is_err());
        assert!(read(&bytes[..bytes.len() - 1], 5000, total).is_err());
    }

    #[test]
    fn other_objects_and_versions_are_refused() {
        let (mut bytes, _) = packed(&[]);
        assert!(read(bytes.as_slice(), 0, 0).is_ok());
        bytes[8] = 9;
        let refused = read(bytes.as_slice(), 0, 0);
        assert!(matches!(refused, Err(Error::Version { found: 9 })));
        bytes[0] = 0;
        assert!(matches!(read(bytes.as_slice(), 0, 0), Err(Error::Magic)));
    }
}
