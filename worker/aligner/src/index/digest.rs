//! The digest that names a reference: SHA-256 over its contigs.

use sha2::{Digest, Sha256};

/// Computes the digest of a reference, contig by contig, without building an index.
///
/// For each contig in order: length of the name (64 bits, little-endian), name, number of bases
/// (64 bits, little-endian), bases in upper case.
#[derive(Debug, Clone, Default)]
pub struct ReferenceDigest {
    hasher: Sha256,
    upper_case: Vec<u8>,
}

impl ReferenceDigest {
    /// Starts with no contig.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a contig; bases may be in either case.
    pub fn add_contig(&mut self, name: &str, bases: &[u8]) {
        self.hasher.update((name.len() as u64).to_le_bytes());
        self.hasher.update(name.as_bytes());
        self.hasher.update((bases.len() as u64).to_le_bytes());
        for chunk in bases.chunks(1 << 16) {
            self.upper_case.clear();
            self.upper_case
                .extend(chunk.iter().map(u8::to_ascii_uppercase));
            self.hasher.update(&self.upper_case);
        }
    }

    /// Returns the digest.
    pub fn finish(self) -> [u8; 32] {
        self.hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(contigs: &[(&str, &[u8])]) -> [u8; 32] {
        let mut digest = ReferenceDigest::new();
        for (name, bases) in contigs {
            digest.add_contig(name, bases);
        }
        digest.finish()
    }

    #[test]
    fn case_is_ignored_and_borders_count() {
        assert_eq!(digest(&[("a", b"acgn")]), digest(&[("a", b"ACGN")]));
        assert_ne!(
            digest(&[("a", b"AC"), ("b", b"G")]),
            digest(&[("a", b"A"), ("b", b"CG")])
        );
        assert_ne!(digest(&[("a", b"AC")]), digest(&[("b", b"AC")]));
    }
}
