//! Whether a file looks like a whole BAM.

use std::io::{self, Read};

use super::text;
use crate::inputs::Source;

/// The empty BGZF block that ends each BAM. Source: SAM v1 §4.1.2 (2024-11-06).
const END_BLOCK: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

/// Why a file is no usable BAM.
#[derive(Debug, thiserror::Error)]
pub enum BamError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Another format.
    #[error("is not BAM")]
    Magic,
    /// Its end is missing.
    #[error("is cut off: it does not end with the block that ends each BAM")]
    Truncated,
}

/// Checks magic number and closing block.
pub fn check(source: impl Into<Source>) -> Result<(), BamError> {
    let source = source.into();
    let mut magic = [0; 4];
    match text::open(&source)?.read_exact(&mut magic) {
        Ok(()) if magic == *b"BAM\x01" => {}
        Ok(()) => return Err(BamError::Magic),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(BamError::Magic),
        Err(error) => return Err(error.into()),
    }
    if source.tail(END_BLOCK.len() as u64)? != END_BLOCK {
        return Err(BamError::Truncated);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn magic_and_end_are_both_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bam");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"BAM\x01rest").unwrap();
        let block = encoder.finish().unwrap();
        std::fs::write(&path, &block).unwrap();
        assert!(matches!(check(&path), Err(BamError::Truncated)));
        std::fs::write(&path, [&block[..], &END_BLOCK].concat()).unwrap();
        check(&path).unwrap();
        std::fs::write(&path, b"@HD\tVN:1.6\n").unwrap();
        assert!(matches!(check(&path), Err(BamError::Magic)));
    }
}
