//! Records out of SAM text. SAM v1 §1.4–1.5 (2024-11-06).

use super::long_cigar;
use super::view::{RecordError, RecordView};
use super::{FIXED_BYTES, bin, nibble};
use crate::cigar::MOST_BASES;
use crate::cigar::{self, CigarOp};

/// Why a line is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamError {
    /// Fewer than eleven columns.
    #[error("line has {0} columns, but a record has at least 11")]
    Columns(usize),
    /// A column that cannot be read.
    #[error("{column} cannot be {value:?}")]
    Column {
        /// Name of the column.
        column: &'static str,
        /// What it says.
        value: String,
    },
    /// A contig that the header lacks.
    #[error("contig {0} is not in the header")]
    Contig(String),
    /// A tag that cannot be read.
    #[error("tag {0:?} cannot be read")]
    Tag(String),
    /// As many qualities as bases are needed.
    #[error("record {name} has {bases} bases but {qualities} qualities")]
    Qualities {
        /// Name of the read.
        name: String,
        /// Number of bases.
        bases: usize,
        /// Number of qualities.
        qualities: usize,
    },
    /// The columns do not fit each other.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The most operations that a record of BAM holds in its own field.
const MAX_OPS: usize = u16::MAX as usize;

/// The longest name.
const MAX_NAME_BYTES: usize = 254;

/// Columns that every record has.
const COLUMNS: usize = 11;

/// Writes the record of a line, without its line feed, over `block`; `contig` finds the number of
/// a contig by its name.
///
/// # Errors
/// [`SamError`] says what is wrong.
pub fn parse_sam(
    line: &[u8],
    mut contig: impl FnMut(&[u8]) -> Option<u32>,
    block: &mut Vec<u8>,
) -> Result<(), SamError> {
    let mut columns = [&b""[..]; COLUMNS];
    let mut fields = line.split(|&byte| byte == b'\t');
    for (index, column) in columns.iter_mut().enumerate() {
        *column = fields.next().ok_or(SamError::Columns(index))?;
    }
    let [
        name,
        flags,
        own,
        position,
        quality,
        ops,
        mate,
        mate_position,
        length,
        bases,
        qualities,
    ] = columns;
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(wrong("QNAME", name));
    }
    let mut find = |text: &[u8]| match text {
        b"*" => Ok(u32::MAX),
        text => contig(text).ok_or_else(|| SamError::Contig(shown(text))),
    };
    let own = find(own)?;
    let mate = match mate {
        b"=" => own,
        other => find(other)?,
    };
    let position: u32 = number("POS", position)?;
    let mate_position: u32 = number("PNEXT", mate_position)?;
    let ops = parse_cigar(ops)?;
    let base_count = if bases == b"*" { 0 } else { bases.len() };
    let stand_in = long_cigar::stand_in(&ops, base_count);
    let counted = stand_in.as_ref().map_or(&ops[..], |two| &two[..]);
    block.clear();
    block.extend_from_slice(&own.to_le_bytes());
    block.extend_from_slice(&position.wrapping_sub(1).to_le_bytes());
    block.push(name.len() as u8 + 1);
    block.push(number("MAPQ", quality)?);
    let bin = match position.checked_sub(1).map(u64::from) {
        Some(start) => bin(
            start,
            start + cigar::reference_span(ops.iter().copied()).max(1),
        ),
        None => 4680,
    };
    block.extend_from_slice(&bin.to_le_bytes());
    block.extend_from_slice(&(counted.len() as u16).to_le_bytes());
    block.extend_from_slice(&parse_flags(flags)?.to_le_bytes());
    block.extend_from_slice(&(base_count as u32).to_le_bytes());
    block.extend_from_slice(&mate.to_le_bytes());
    block.extend_from_slice(&mate_position.wrapping_sub(1).to_le_bytes());
    block.extend_from_slice(&number::<i32>("TLEN", length)?.to_le_bytes());
    debug_assert_eq!(block.len(), FIXED_BYTES);
    block.extend_from_slice(name);
    block.push(0);
    for op in counted {
        block.extend_from_slice(&op.packed().to_le_bytes());
    }
    let pack = |pair: &[u8]| nibble(pair[0]) << 4 | pair.get(1).map_or(0, |&b| nibble(b));
    block.extend(bases[..base_count].chunks(2).map(pack));
    put_qualities(name, base_count, qualities, block)?;
    for tag in fields {
        put_tag(tag, block).ok_or_else(|| SamError::Tag(shown(tag)))?;
    }
    if stand_in.is_some() {
        long_cigar::append_tag(&ops, block);
    }
    RecordView::parse(block)?;
    Ok(())
}

fn put_qualities(
    name: &[u8],
    bases: usize,
    text: &[u8],
    block: &mut Vec<u8>,
) -> Result<(), SamError> {
    if text == b"*" {
        block.extend(std::iter::repeat_n(0xFF, bases));
        return Ok(());
    }
    if text.len() != bases {
        return Err(SamError::Qualities {
            name: shown(name),
            bases,
            qualities: text.len(),
        });
    }
    if !text.iter().all(|byte| (33..=126).contains(byte)) {
        return Err(wrong("QUAL", text));
    }
    block.extend(text.iter().map(|byte| byte - 33));
    Ok(())
}

fn parse_flags(text: &[u8]) -> Result<u16, SamError> {
    let hexadecimal = text.strip_prefix(b"0x").and_then(|digits| {
        let digits = std::str::from_utf8(digits).ok()?;
        u16::from_str_radix(digits, 16).ok()
    });
    hexadecimal.map_or_else(|| number("FLAG", text), Ok)
}

fn parse_cigar(text: &[u8]) -> Result<Vec<CigarOp>, SamError> {
    if text == b"*" {
        return Ok(Vec::new());
    }
    let fault = || wrong("CIGAR", text);
    let (mut ops, mut length, mut digits) = (Vec::new(), 0u32, 0);
    for &byte in text {
        if byte.is_ascii_digit() {
            length = 10 * length + u32::from(byte - b'0');
            digits += 1;
            if length > MOST_BASES {
                return Err(fault());
            }
            continue;
        }
        let code = b"MIDNSHP=X".iter().position(|&letter| letter == byte);
        let op = code.and_then(|code| CigarOp::from_packed(length << 4 | code as u32));
        if digits == 0 {
            return Err(fault());
        }
        ops.push(op.ok_or_else(fault)?);
        (length, digits) = (0, 0);
    }
    if digits > 0 || ops.is_empty() || ops.len() > MAX_OPS {
        return Err(fault());
    }
    Ok(ops)
}

/// Appends a tag as BAM has it, integers in the narrowest type; `None` if it is malformed.
fn put_tag(text: &[u8], block: &mut Vec<u8>) -> Option<()> {
    let (&[first, second, colon, kind, other_colon], value) = text.split_first_chunk::<5>()?;
    if (colon, other_colon) != (b':', b':') || !first.is_ascii_alphabetic() {
        return None;
    }
    block.extend_from_slice(&[first, second]);
    match kind {
        b'A' if value.len() == 1 => block.extend_from_slice(&[b'A', value[0]]),
        b'i' => put_integer(std::str::from_utf8(value).ok()?.parse().ok()?, block)?,
        b'f' => {
            let value: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
            block.push(b'f');
            block.extend_from_slice(&(value as f32).to_le_bytes());
        }
        b'Z' | b'H' => {
            block.push(kind);
            block.extend_from_slice(value);
            block.push(0);
        }
        b'B' => put_array(std::str::from_utf8(value).ok()?, block)?,
        _ => return None,
    }
    Some(())
}

fn put_integer(value: i64, block: &mut Vec<u8>) -> Option<()> {
    let (kind, width) = match value {
        -128..0 => (b'c', 1),
        0..=255 => (b'C', 1),
        -32768..-128 => (b's', 2),
        256..=65535 => (b'S', 2),
        _ if i32::try_from(value).is_ok_and(|value| value < 0) => (b'i', 4),
        _ if u32::try_from(value).is_ok() => (b'I', 4),
        _ => return None,
    };
    block.push(kind);
    block.extend_from_slice(&value.to_le_bytes()[..width]);
    Some(())
}

fn put_array(text: &str, block: &mut Vec<u8>) -> Option<()> {
    let mut elements = text.split(',');
    let kind = *elements.next()?.as_bytes().first()?;
    block.extend_from_slice(&[b'B', kind]);
    let count_at = block.len();
    block.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for element in elements {
        match kind {
            b'c' => block.extend_from_slice(&element.parse::<i8>().ok()?.to_le_bytes()),
            b'C' => block.extend_from_slice(&element.parse::<u8>().ok()?.to_le_bytes()),
            b's' => block.extend_from_slice(&element.parse::<i16>().ok()?.to_le_bytes()),
            b'S' => block.extend_from_slice(&element.parse::<u16>().ok()?.to_le_bytes()),
            b'i' => block.extend_from_slice(&element.parse::<i32>().ok()?.to_le_bytes()),
            b'I' => block.extend_from_slice(&element.parse::<u32>().ok()?.to_le_bytes()),
            b'f' => block.extend_from_slice(&element.parse::<f32>().ok()?.to_le_bytes()),
            _ => return None,
        }
        count += 1;
    }
    block[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    Some(())
}

fn number<T: std::str::FromStr>(column: &'static str, text: &[u8]) -> Result<T, SamError> {
    let parsed = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| wrong(column, text))
}

fn wrong(column: &'static str, value: &[u8]) -> SamError {
    SamError::Column {
        column,
        value: shown(value),
    }
}

/// The start of a text, fit for a message.
fn shown(text: &[u8]) -> String {
    const MOST_BYTES: usize = 60;
    String::from_utf8_lossy(&text[..text.len().min(MOST_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::sam::write_sam_line;
    use super::*;
    use crate::dictionary::{Contig, Dictionary};

    fn parsed(line: &str) -> Result<Vec<u8>, SamError> {
        let mut block = Vec::new();
        let contig = |name: &[u8]| (name == b"c").then_some(0);
        parse_sam(line.as_bytes(), contig, &mut block).map(|()| block)
    }

    #[test]
    fn lines_survive_a_round_trip() {
        let dictionary = Dictionary::new(vec![Contig {
            name: "c".into(),
            length: 1000,
        }]);
        let lines = [
            "r\t99\tc\t7\t60\t2S3M1I1D2=1X3H\t=\t30\t-9\tACGTNACGT\t!!IIII#~,\tNM:i:-3\tXA:A:x\tZ0:Z:a b\
             \tB0:B:s,-1,300\tf0:f:0.25\tI0:i:4294967295\tf1:f:1e-07\tBf:B:f,1.5,-2",
            "u\t4\t*\t0\t0\t*\t*\t0\t0\tA\t*",
            "s\t256\tc\t1000\t255\t5M\tc\t0\t0\t*\t*",
        ];
        for line in lines {
            let block = parsed(line).unwrap();
            let mut text = Vec::new();
            write_sam_line(RecordView::trusted(&block), &dictionary, &mut text);
            let text = String::from_utf8(text).unwrap();
            assert_eq!(
                text,
                format!("{line}\n").replace("\tc\t0\t0\t*\t*", "\t=\t0\t0\t*\t*")
            );
        }
    }

    #[test]
    fn malformed_lines_are_named() {
        let line = "r\t0\tc\t7\t60\t4M\t*\t0\t0\tACGT\tIIII\tNM:i:0";
        assert!(parsed(line).is_ok());
        let cases = [
            ("\t4M", "\t4", "CIGAR cannot be \"4\""),
            ("\t4M", "\tM", "CIGAR cannot be \"M\""),
            ("\t4M", "\t5M", "record r has 4 bases but a CIGAR for 5"),
            ("\tc\t", "\td\t", "contig d is not in the header"),
            ("\t7\t", "\tx\t", "POS cannot be \"x\""),
            ("\tIIII", "\tIII", "record r has 4 bases but 3 qualities"),
            ("NM:i:0", "NM:i:", "tag \"NM:i:\" cannot be read"),
            (
                "\tACGT\tIIII\tNM:i:0",
                "",
                "line has 9 columns, but a record has at least 11",
            ),
        ];
        for (good, bad, message) in cases {
            let error = parsed(&line.replace(good, bad)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
