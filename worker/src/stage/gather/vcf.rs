//! The final VCF or gVCF: the parts of all partitions in order, compressed and indexed.

use std::io::{self, Read, Write};

use caller::gvcf::{PartReport, Stitch};
use caller::{EmitMode, Options, Summary};
use common::failure::Failure;
use common::task::{Manifest, ObjectRef, Stage};
use genome::dictionary::Dictionary;
use noodles::bgzf;

use super::super::{Context, call, sections};
use crate::error::{self, storage};
use crate::formats::vcf::{Writer, Written};

/// The final files of one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The compressed VCF.
    pub vcf: ObjectRef,
    /// Its index.
    pub index: ObjectRef,
    /// What the index's file name adds to the VCF's: `.tbi` or `.csi`.
    pub index_ending: &'static str,
    /// What was called.
    pub summary: Summary,
}

/// Makes the file `name`, such as `SAMPLE.vcf.gz`, and its index.
///
/// # Errors
/// [`common::failure::FailureClass::IntermediateLost`] for a part that is gone; what storage answers.
pub fn gather(context: &Context<'_>, emit: EmitMode, name: &str) -> Result<Files, Failure> {
    let index = context.index()?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let options = Options {
        emit,
        ..Options::default()
    };
    let header = caller::vcf::header(dictionary, &context.genome()?.sample, &options);
    let mut manifests = context.upstream(Stage::Call)?;
    manifests.sort_by_key(|manifest| manifest.attempt.task.index);
    let parts = manifests
        .iter()
        .map(|manifest| open(context, manifest, emit));
    let out = context.create(name)?;
    let (written, summary) = assemble(dictionary, &header, parts, out)?;
    let mut index = context.create(&format!("{name}{}", written.index_ending))?;
    let indexed = index.write_all(&written.index);
    indexed.map_err(|error| storage(&error))?;
    Ok(Files {
        vcf: written.out.commit()?,
        index: index.commit()?,
        index_ending: written.index_ending,
        summary,
    })
}

/// A part: what is kept beside its body, and its body as text.
pub type Part<R> = (PartReport, R);

fn open(
    context: &Context<'_>,
    manifest: &Manifest,
    emit: EmitMode,
) -> Result<Part<impl Read>, Failure> {
    let object = sections::output(manifest, call::report_role(emit))?;
    let report = context.read_all(object)?;
    let report = PartReport::decode(&String::from_utf8_lossy(&report))
        .map_err(|fault| error::lost(&object.key, &fault))?;
    let object = sections::output(manifest, call::body_role(emit))?;
    let body = Body {
        text: bgzf::io::Reader::new(context.open(object)?),
        key: object.key.clone(),
    };
    Ok((report, body))
}

/// The text of a body, whose faults name its object.
struct Body<R> {
    text: bgzf::io::Reader<R>,
    key: String,
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text.read(buffer).map_err(|fault| match fault.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                error::into_io(error::lost(&self.key, &fault))
            }
            _ => fault,
        })
    }
}

/// Writes header and parts, in order of their partitions.
///
/// # Errors
/// What the parts or `out` answer.
pub fn assemble<R: Read, W: Write>(
    dictionary: &Dictionary,
    header: &str,
    parts: impl IntoIterator<Item = Result<Part<R>, Failure>>,
    out: W,
) -> Result<(Written<W>, Summary), Failure> {
    let fault = |error: io::Error| storage(&error);
    let mut writer = Writer::new(out, dictionary);
    writer.write_text(header.as_bytes()).map_err(fault)?;
    let mut stitch = Stitch::new(dictionary);
    let mut summary = Summary::default();
    let mut between = Vec::new();
    for part in parts {
        let (report, mut body) = part?;
        summary.add(&report.summary);
        between.clear();
        stitch.before_body(&report.ends, &mut between);
        writer.write_text(&between).map_err(fault)?;
        copy(&mut body, &mut writer).map_err(fault)?;
        stitch.after_body(report.ends);
    }
    between.clear();
    stitch.finish(&mut between);
    writer.write_text(&between).map_err(fault)?;
    Ok((writer.finish().map_err(fault)?, summary))
}

/// Copies to the end, where a body's object checks its digest.
fn copy<W: Write>(body: &mut impl Read, writer: &mut Writer<W>) -> io::Result<()> {
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        writer.write_text(&piece[..read])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caller::gvcf::{Block, Ends};
    use genome::dictionary::Contig;

    fn part(
        head: Option<&str>,
        body: &str,
        tail: Option<&str>,
    ) -> Result<Part<io::Cursor<Vec<u8>>>, Failure> {
        let block = |text: &str| Block::decode(text).unwrap();
        let report = PartReport {
            ends: Ends {
                head: head.map(block),
                tail: tail.map(block),
                has_body: !body.is_empty(),
            },
            summary: Summary {
                variants: 1,
                ..Summary::default()
            },
        };
        Ok((report, io::Cursor::new(body.as_bytes().to_vec())))
    }

    #[test]
    fn blocks_are_joined_across_parts() {
        let dictionary = Dictionary::new(vec![Contig {
            name: "c".into(),
            length: 100,
        }]);
        let call = "c\t31\t.\tA\tC,<NON_REF>\t9\t.\t.\tGT\t0/1\n";
        let parts = [
            part(Some("0 0 10 65 0 0,0,0 0:10"), "", None),
            part(Some("0 10 20 67 0 0,0,0 0:10"), "", None),
            part(
                Some("0 20 30 67 0 0,0,0 0:10"),
                call,
                Some("0 31 40 67 3 0,3,9 1:9"),
            ),
            part(None, "", None),
            part(Some("0 40 50 71 9 0,9,9 3:10"), "", None),
        ];
        let (written, summary) = assemble(&dictionary, "##h\n#c\n", parts, Vec::new()).unwrap();
        let mut text = String::new();
        bgzf::io::Reader::new(written.out.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        let starts: Vec<&str> = text
            .lines()
            .map(|line| line.split("\tGT").next().unwrap())
            .collect();
        let expected = [
            "##h",
            "#c",
            "c\t1\t.\tA\t<NON_REF>\t.\t.\tEND=30",
            "c\t31\t.\tA\tC,<NON_REF>\t9\t.\t.",
            "c\t32\t.\tC\t<NON_REF>\t.\t.\tEND=40",
            "c\t41\t.\tG\t<NON_REF>\t.\t.\tEND=50",
        ];
        assert_eq!(starts, expected);
        assert_eq!((written.records, summary.variants), (4, 5));
    }
}
