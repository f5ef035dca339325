//! The header of a BAM file: text and contigs. It names no path, command line or time.

use genome::dictionary::Dictionary;
use genome::read_group::ReadGroup;

pub(super) const MAGIC: [u8; 4] = *b"BAM\x01";

/// Returns the SAM text of a coordinate-sorted file.
pub fn header_text(dictionary: &Dictionary, read_groups: &[ReadGroup]) -> String {
    let mut text = "@HD\tVN:1.6\tSO:coordinate\n".to_owned();
    for contig in dictionary.contigs() {
        text.push_str(&format!("@SQ\tSN:{}\tLN:{}\n", contig.name, contig.length));
    }
    for group in read_groups {
        text.push_str(&group.line());
        text.push('\n');
    }
    let version = env!("CARGO_PKG_VERSION");
    text.push_str(&format!("@PG\tID:spindle\tPN:spindle\tVN:{version}\n"));
    text
}

/// Returns the header's bytes, not yet compressed.
pub fn header(dictionary: &Dictionary, read_groups: &[ReadGroup]) -> Vec<u8> {
    encode(&header_text(dictionary, read_groups), dictionary)
}

/// Returns the bytes of a header with this text.
pub(super) fn encode(text: &str, dictionary: &Dictionary) -> Vec<u8> {
    let contigs = dictionary.contigs();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&(contigs.len() as u32).to_le_bytes());
    for contig in contigs {
        bytes.extend_from_slice(&(contig.name.len() as u32 + 1).to_le_bytes());
        bytes.extend_from_slice(contig.name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&(contig.length as u32).to_le_bytes());
    }
    bytes
}
