//! Records as SAM text.

use super::tags::TagValue;
use super::view::RecordView;
use crate::cigar;
use crate::dictionary::Dictionary;
use crate::region::ContigId;
use std::io::Write;

const MISSING_QUALITY: u8 = 0xFF;

/// How floating-point tags are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Floats {
    /// With three decimals, as an aligner prints them.
    Decimals,
    /// With six significant digits, as `samtools view` does.
    Shortest,
}

/// Appends a record as an aligner's line of SAM, closed by a line feed.
///
/// # Panics
/// If the record names a contig that the dictionary lacks.
pub fn write_sam(record: RecordView<'_>, dictionary: &Dictionary, text: &mut Vec<u8>) {
    write(record, dictionary, Floats::Decimals, text);
}

/// Appends a record as the line that `samtools view` prints, closed by a line feed.
///
/// # Panics
/// If the record names a contig that the dictionary lacks.
pub fn write_sam_line(record: RecordView<'_>, dictionary: &Dictionary, text: &mut Vec<u8>) {
    write(record, dictionary, Floats::Shortest, text);
}

fn write(record: RecordView<'_>, dictionary: &Dictionary, floats: Floats, text: &mut Vec<u8>) {
    text.extend_from_slice(record.name());
    number(text, record.flags().0);
    text.push(b'\t');
    write_contig(record.contig(), dictionary, text);
    number(
        text,
        record
            .position()
            .map_or(0, |position| i64::from(position) + 1),
    );
    number(text, record.mapping_quality());
    text.push(b'\t');
    cigar::write_text(record.cigar(), text);
    text.push(b'\t');
    if record.mate_contig().is_some() && record.mate_contig() == record.contig() {
        text.push(b'=');
    } else {
        write_contig(record.mate_contig(), dictionary, text);
    }
    number(
        text,
        record
            .mate_position()
            .map_or(0, |position| i64::from(position) + 1),
    );
    number(text, record.template_length());
    text.push(b'\t');
    text.extend(record.bases());
    if record.base_count() == 0 {
        text.push(b'*');
    }
    text.push(b'\t');
    match record.qualities() {
        [] | [MISSING_QUALITY, ..] => text.push(b'*'),
        qualities => text.extend(qualities.iter().map(|quality| quality + 33)),
    }
    for (tag, value) in record.shown_tags() {
        text.push(b'\t');
        text.extend_from_slice(&tag);
        write_value(value, floats, text);
    }
    text.push(b'\n');
}

/// Appends a tab and a number.
fn number(text: &mut Vec<u8>, value: impl Into<i64>) {
    text.extend_from_slice(format!("\t{}", value.into()).as_bytes());
}

fn write_contig(contig: Option<ContigId>, dictionary: &Dictionary, text: &mut Vec<u8>) {
    let name = contig.map_or("*", |contig| &dictionary.contig(contig).name);
    text.extend_from_slice(name.as_bytes());
}

fn write_value(value: TagValue<'_>, floats: Floats, text: &mut Vec<u8>) {
    match value {
        TagValue::Character(character) => text.extend_from_slice(&[b':', b'A', b':', character]),
        TagValue::Integer(value) => text.extend_from_slice(format!(":i:{value}").as_bytes()),
        TagValue::Float(value) if floats == Floats::Decimals => {
            text.extend_from_slice(format!(":f:{value:.3}").as_bytes());
        }
        TagValue::Float(value) => {
            text.extend_from_slice(format!(":f:{}", six_digits(value.into())).as_bytes());
        }
        TagValue::Text(value) => text.extend([b":Z:", value].concat()),
        TagValue::Hex(value) => text.extend([b":H:", value].concat()),
        TagValue::Array(kind, elements) => write_array(kind, elements, text),
    }
}

fn write_array(kind: u8, elements: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(&[b':', b'B', b':', kind]);
    let width = match kind {
        b'c' | b'C' => 1,
        b's' | b'S' => 2,
        _ => 4,
    };
    for element in elements.chunks_exact(width) {
        let mut padded = [0; 4];
        padded[..width].copy_from_slice(element);
        let unsigned = u32::from_le_bytes(padded);
        let written = match kind {
            b'c' => write!(text, ",{}", padded[0].cast_signed()),
            b's' => write!(text, ",{}", (unsigned as u16).cast_signed()),
            b'i' => write!(text, ",{}", unsigned.cast_signed()),
            b'f' => write!(text, ",{}", six_digits(f32::from_bits(unsigned).into())),
            _ => write!(text, ",{unsigned}"),
        };
        written.expect("writing to memory cannot fail");
    }
}

/// Prints a number with at most six significant digits, as C's `%g`.
fn six_digits(value: f64) -> String {
    const DIGITS: i32 = 6;
    if !value.is_finite() {
        let sign = if value < 0.0 { "-" } else { "" };
        return if value.is_nan() {
            "nan".into()
        } else {
            format!("{sign}inf")
        };
    }
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        return trimmed(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, NewRecord, Records};
    use super::*;
    use crate::cigar::{CigarKind, CigarOp};
    use crate::dictionary::Contig;

    #[test]
    fn numbers_have_six_digits() {
        let cases = [
            (0.0, "0"),
            (0.5, "0.5"),
            (-2.0, "-2"),
            (123_456.7, "123457"),
            (1_234_567.0, "1.23457e+06"),
            (0.000_012_345_678, "1.23457e-05"),
            (0.000_123_4, "0.0001234"),
        ];
        for (value, text) in cases {
            assert_eq!(six_digits(value), text);
        }
    }

    #[test]
    fn a_line_has_eleven_fields_and_tags() {
        let contig = |name: &str| Contig {
            name: name.into(),
            length: 1000,
        };
        let dictionary = Dictionary::new(vec![contig("one"), contig("two")]);
        let mut records = Records::default();
        let mut record = NewRecord {
            name: b"r",
            flags: Flags(Flags::PAIRED),
            placed: Some((ContigId(1), 99)),
            mapping_quality: 7,
            cigar: &[CigarOp::new(CigarKind::Match, 3)],
            mate: Some((ContigId(1), 0)),
            template_length: -102,
            bases: b"ACN",
            qualities: &[0, 1, 40],
        };
        records.push(0, &record);
        records.tag_integer(*b"NM", -3);
        records.tag_float(*b"pa", 0.5);
        records.tag_text(*b"RG", b"x");
        record.mate = Some((ContigId(0), 4));
        record.qualities = &[];
        record.bases = b"";
        record.cigar = &[];
        records.push(1, &record);
        let mut text = Vec::new();
        for record in records.iter() {
            write_sam(record, &dictionary, &mut text);
        }
        let expected = "r\t1\ttwo\t100\t7\t3M\t=\t1\t-102\tACN\t!\"I\tNM:i:-3\tpa:f:0.500\tRG:Z:x\n\
                        r\t1\ttwo\t100\t7\t*\tone\t5\t-102\t*\t*\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
