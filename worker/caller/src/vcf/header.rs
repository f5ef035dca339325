//! Header lines: a function of dictionary, sample and mode; no date, path or command line.

use super::fields::{ALLELE_SPECIFIC, BLOCKS, COHORT, FIELDS, Field, GVCF, KNOWN, STRANDS, VCF};
use crate::options::{EmitMode, Options};
use genome::dictionary::Dictionary;
use std::fmt::Write;

/// Returns all header lines, the one with the column names included.
pub fn header(dictionary: &Dictionary, sample: &str, options: &Options) -> String {
    let gvcf = options.is_gvcf();
    let mut text = String::from("##fileformat=VCFv4.2\n");
    if gvcf {
        text.push_str("##ALT=<ID=NON_REF,Description=\"Any allele that is not listed\">\n");
    }
    text.push_str("##FILTER=<ID=LowQual,Description=\"Low quality\">\n");
    let files = files(options);
    put_fields(&mut text, "FORMAT", files);
    if options.emit == EmitMode::ReferenceConfidence {
        put_bands(&mut text, &options.quality_bands);
    }
    put_fields(&mut text, "INFO", files);
    put_end(&mut text, dictionary, [sample]);
    text
}

/// Returns the kinds of files that an output is one of.
fn files(options: &Options) -> u8 {
    let kinds = [
        (GVCF, options.is_gvcf()),
        (VCF, !options.is_gvcf()),
        (BLOCKS, options.emit == EmitMode::ReferenceConfidence),
        (ALLELE_SPECIFIC, options.is_allele_specific),
        (KNOWN, options.names_known),
        (STRANDS, options.counts_strands),
    ];
    let kinds = kinds.iter().filter(|(_, is_one)| *is_one);
    kinds.fold(0, |files, (kind, _)| files | kind)
}

/// Returns all header lines of a cohort's VCF.
///
/// `carried` are lines of the inputs for fields that are handed on; those known here are left out.
pub fn cohort_header(dictionary: &Dictionary, samples: &[&str], carried: &[String]) -> String {
    let mut text = String::from("##fileformat=VCFv4.2\n");
    text.push_str("##FILTER=<ID=LowQual,Description=\"Low quality\">\n");
    put_fields(&mut text, "FORMAT", COHORT);
    put_fields(&mut text, "INFO", COHORT);
    let is_known = |line: &str| {
        FIELDS
            .iter()
            .any(|field| line.starts_with(&format!("##{}=<ID={},", field.kind, field.id)))
    };
    for line in carried.iter().filter(|line| !is_known(line)) {
        text.push_str(line);
        text.push('\n');
    }
    put_end(&mut text, dictionary, samples.iter().copied());
    text
}

fn put_fields(text: &mut String, wanted: &str, files: u8) {
    for field in FIELDS {
        if field.kind == wanted && field.files & files != 0 {
            let Field {
                kind,
                id,
                number,
                value,
                description,
                ..
            } = field;
            let line = writeln!(
                text,
                "##{kind}=<ID={id},Number={number},Type={value},Description=\"{description}\">"
            );
            line.expect("text grows");
        }
    }
}

fn put_end<'a>(
    text: &mut String,
    dictionary: &Dictionary,
    samples: impl IntoIterator<Item = &'a str>,
) {
    for contig in dictionary.contigs() {
        let line = writeln!(
            text,
            "##contig=<ID={},length={}>",
            contig.name, contig.length
        );
        line.expect("text grows");
    }
    text.push_str("##source=spindle\n");
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT");
    for sample in samples {
        text.push('\t');
        text.push_str(sample);
    }
    text.push('\n');
}

fn put_bands(text: &mut String, bands: &[u8]) {
    let bounds: Vec<u8> = [0].iter().chain(bands).chain(&[100]).copied().collect();
    let mut lines: Vec<String> = bounds
        .windows(2)
        .map(|pair| {
            let (low, high) = (pair[0], pair[1]);
            format!("##GVCFBlock{low}-{high}=minGQ={low}(inclusive),maxGQ={high}(exclusive)\n")
        })
        .collect();
    lines.sort_unstable();
    text.extend(lines);
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::Contig;

    #[test]
    fn mode_decides_the_fields() {
        let contig = Contig {
            name: "20".into(),
            length: 63_025_520,
        };
        let dictionary = Dictionary::new(vec![contig]);
        let mut options = Options::default();
        let plain = header(&dictionary, "s", &options);
        assert!(plain.contains("ID=QD,") && !plain.contains("NON_REF"));
        assert!(plain.ends_with(
            "##source=spindle\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        ));
        options.emit = EmitMode::ReferenceConfidence;
        let gvcf = header(&dictionary, "s", &options);
        assert!(gvcf.contains("##GVCFBlock99-100=minGQ=99(inclusive),maxGQ=100(exclusive)\n"));
        assert!(gvcf.contains("ID=END,") && !gvcf.contains("ID=QD,"));
        assert!(gvcf.contains("ID=PGT,") && !gvcf.contains("InbreedingCoeff"));
        let carried = [
            "##INFO=<ID=AC,Number=A>".into(),
            "##INFO=<ID=ZZ,Number=1>".into(),
        ];
        let cohort = cohort_header(&dictionary, &["a", "b"], &carried);
        assert_eq!(cohort.matches("ID=AC,").count(), 1);
        assert!(cohort.contains("##INFO=<ID=ZZ,Number=1>\n") && cohort.ends_with("\ta\tb\n"));
        assert!(gvcf.contains("##contig=<ID=20,length=63025520>\n"));
    }
}
