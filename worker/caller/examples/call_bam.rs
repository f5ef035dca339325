//! Calls a BAM file against one FASTA file, for comparison with other callers:
//! `call_bam REF.fa.gz IN.bam CONTIG:START-END vcf|gvcf|bp PARTITION_BP place|gatk [OPTION=VALUE]… >
//! OUT.vcf`.

use caller::gvcf::{PartWriter, Stitch};
use caller::{EmitMode, ForcedAlleles, ForcedRecord, Options, PcrIndelModel, Scope, Summary};
use genome::base;
use genome::dictionary::{Contig, Dictionary};
use genome::monitor::Monitor;
use genome::record::OwnedRecord;
use genome::reference::{AmbiguousRun, Reference};
use genome::region::Region;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [
        _,
        fasta,
        bam,
        interval,
        mode,
        partition_bp,
        random,
        further @ ..,
    ] = &arguments[..]
    else {
        return Err(io::Error::other("six arguments are needed"));
    };
    let (dictionary, packed, runs) = read_fasta(fasta)?;
    let reference = Reference::new(&dictionary, &packed, &runs);
    let asked = parse_interval(&dictionary, interval)?;
    let records = read_bam(bam, &dictionary, &asked)?;
    let mut options = Options {
        emit: match mode.as_str() {
            "gvcf" => EmitMode::ReferenceConfidence,
            "bp" => EmitMode::EveryPosition,
            _ => EmitMode::Variants,
        },
        gatk_random: random == "gatk",
        ..Options::default()
    };
    for option in further {
        set(&mut options, option, &dictionary).map_err(io::Error::other)?;
    }
    let mut text = caller::vcf::header(&dictionary, "sample", &options).into_bytes();
    let mut stitch = Stitch::new(&dictionary);
    let mut summary = Summary::default();
    let step = partition_bp.parse::<usize>().map_err(io::Error::other)?;
    for start in (0..dictionary.contig(asked.contig).length).step_by(step) {
        let stretch = Region::new(asked.contig, start, start + step as u64);
        let scope = Scope::new(&[stretch], &[asked]);
        let evidence = scope.evidence(&dictionary);
        let reads = records.iter().filter(|record| {
            let view = record.view();
            let span = Region::new(
                asked.contig,
                u64::from(view.position().unwrap_or(0)),
                u64::from(view.end().unwrap_or(0)),
            );
            evidence.iter().any(|region| region.overlaps(&span))
        });
        let mut writer = PartWriter::new(&dictionary);
        let mut body = Vec::new();
        let part = caller::call(
            &reference,
            &scope,
            reads.cloned().map(Ok::<_, io::Error>),
            &options,
            &Monitor::default(),
            |output| {
                writer.write(output, &mut body);
                Ok(())
            },
        );
        summary.add(&part.map_err(io::Error::other)?);
        let ends = writer.finish();
        stitch.before_body(&ends, &mut text);
        text.extend_from_slice(&body);
        stitch.after_body(ends);
    }
    stitch.finish(&mut text);
    eprintln!("{summary:?}");
    io::stdout().write_all(&text)
}

fn set(options: &mut Options, option: &str, dictionary: &Dictionary) -> Result<(), String> {
    let (name, value) = option.split_once('=').ok_or("an option is NAME=VALUE")?;
    let number = |text: &str| text.parse::<usize>().map_err(|error| error.to_string());
    match name {
        "ploidy" => options.ploidy = number(value)? as u8,
        "kmer" => options.kmer_sizes = value.split(',').map(number).collect::<Result<_, _>>()?,
        "starts" => options.reads_per_start = number(value)?,
        "mbq" => options.minimum_base_quality = number(value)? as u8,
        "alternates" => options.maximum_alternates = number(value)?,
        "confidence" => options.call_confidence = number(value)? as f64,
        "pcr" => options.pcr_indel_model = PcrIndelModel::None,
        "specific" => options.is_allele_specific = true,
        "strands" => options.counts_strands = true,
        "bands" => {
            let bands = value
                .split(',')
                .map(|text| number(text).map(|band| band as u8));
            options.quality_bands = bands.collect::<Result<_, _>>()?;
        }
        "alleles" => {
            let text = std::fs::read_to_string(value).map_err(|error| error.to_string())?;
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let records = lines.filter_map(|line| forced(line, dictionary));
            options.forced = Arc::new(ForcedAlleles::new(records.collect()));
        }
        _ => return Err(format!("unknown option {name}")),
    }
    Ok(())
}

fn forced(line: &str, dictionary: &Dictionary) -> Option<ForcedRecord> {
    let columns: Vec<&str> = line.split('\t').collect();
    Some(ForcedRecord {
        contig: dictionary.find(columns[0])?,
        start: columns.get(1)?.parse::<u64>().ok()? - 1,
        reference: columns.get(3)?.as_bytes().to_vec(),
        alternates: columns.get(4)?.split(',').map(|text| text.into()).collect(),
    })
}

fn parse_interval(dictionary: &Dictionary, text: &str) -> io::Result<Region> {
    let malformed = || io::Error::other("malformed interval");
    let (contig, range) = text.split_once(':').ok_or_else(malformed)?;
    let (start, end) = range.split_once('-').ok_or_else(malformed)?;
    let contig = dictionary.find(contig).ok_or_else(malformed)?;
    let number = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    Ok(Region::new(contig, number(start)? - 1, number(end)?))
}

fn read_fasta(path: &str) -> io::Result<(Dictionary, Vec<u8>, Vec<AmbiguousRun>)> {
    let mut text = Vec::new();
    if path.ends_with("gz") {
        noodles::bgzf::io::Reader::new(File::open(path)?).read_to_end(&mut text)?;
    } else {
        File::open(path)?.read_to_end(&mut text)?;
    }
    let (mut contigs, mut packed, mut runs) = (Vec::<Contig>::new(), Vec::new(), Vec::new());
    let mut joined = 0u64;
    for line in text.split(|&byte| byte == b'\n') {
        if let Some(name) = line.strip_prefix(b">") {
            let name = String::from_utf8_lossy(name);
            contigs.push(Contig {
                name: name.split_whitespace().next().unwrap_or("").into(),
                length: 0,
            });
            continue;
        }
        for &letter in line {
            let code = base::code(letter);
            if code == base::AMBIGUOUS {
                runs.push(AmbiguousRun {
                    start: joined,
                    length: 1,
                    letter: b'N',
                });
            }
            if joined.is_multiple_of(4) {
                packed.push(0);
            }
            if let Some(last) = packed.last_mut() {
                *last |= (code & 3) << (6 - 2 * (joined % 4));
            }
            joined += 1;
            if let Some(contig) = contigs.last_mut() {
                contig.length += 1;
            }
        }
    }
    Ok((Dictionary::new(contigs), packed, runs))
}

fn read_bam(path: &str, dictionary: &Dictionary, asked: &Region) -> io::Result<Vec<OwnedRecord>> {
    let mut bam = BufReader::new(noodles::bgzf::io::Reader::new(File::open(path)?));
    let mut skip = |bytes: usize| -> io::Result<Vec<u8>> {
        let mut block = vec![0; bytes];
        bam.read_exact(&mut block)?;
        Ok(block)
    };
    let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let header = skip(8)?;
    skip(number(&header[4..]) as usize)?;
    let contigs = number(&skip(4)?);
    let mut wanted = u32::MAX;
    for index in 0..contigs {
        let length = number(&skip(4)?) as usize;
        let name = skip(length + 4)?;
        if name[..length - 1] == *dictionary.contig(asked.contig).name.as_bytes() {
            wanted = index;
        }
    }
    let mut records = Vec::new();
    while let Ok(size) = skip(4) {
        let mut block = skip(number(&size) as usize)?;
        for field in [0..4, 20..24] {
            let contig = number(&block[field.clone()]);
            let renumbered = if contig == wanted {
                asked.contig.0
            } else {
                contig.max(1)
            };
            block[field].copy_from_slice(&renumbered.to_le_bytes());
        }
        let record = OwnedRecord::new(block).map_err(io::Error::other)?;
        if record.view().contig() == Some(asked.contig) {
            records.push(record);
        }
    }
    Ok(records)
}
