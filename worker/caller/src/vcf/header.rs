//! Header lines: a function of dictionary, sample and mode; no date, path or command line.

use crate::options::Options;
use genome::dictionary::Dictionary;
use std::fmt::Write;

/// Where a header line belongs.
#[derive(Clone, Copy, PartialEq)]
enum In {
    Vcf,
    Gvcf,
    Both,
}

/// Kind, ID, Number, Type and Description; sorted as GATK sorts them.
const FIELDS: [(In, &str, &str, &str, &str, &str); 23] = [
    (
        In::Both,
        "FORMAT",
        "AD",
        "R",
        "Integer",
        "Informative reads of each allele, the reference first",
    ),
    (
        In::Both,
        "FORMAT",
        "DP",
        "1",
        "Integer",
        "Informative reads; in a block, their median over its positions",
    ),
    (
        In::Both,
        "FORMAT",
        "GQ",
        "1",
        "Integer",
        "Genotype quality, Phred-scaled",
    ),
    (In::Both, "FORMAT", "GT", "1", "String", "Genotype"),
    (
        In::Gvcf,
        "FORMAT",
        "MIN_DP",
        "1",
        "Integer",
        "Smallest depth within the block",
    ),
    (
        In::Both,
        "FORMAT",
        "PL",
        "G",
        "Integer",
        "Likelihoods of the genotypes, Phred-scaled, the best at 0",
    ),
    (
        In::Gvcf,
        "FORMAT",
        "SB",
        "4",
        "Integer",
        "Informative reads by strand: reference forward, reference reverse, alternates forward, alternates reverse",
    ),
    (
        In::Vcf,
        "INFO",
        "AC",
        "A",
        "Integer",
        "Copies of each alternate allele in the genotypes",
    ),
    (
        In::Vcf,
        "INFO",
        "AF",
        "A",
        "Float",
        "Share of each alternate allele in the genotypes",
    ),
    (
        In::Vcf,
        "INFO",
        "AN",
        "1",
        "Integer",
        "Called alleles in the genotypes",
    ),
    (
        In::Both,
        "INFO",
        "BaseQRankSum",
        "1",
        "Float",
        "Z-score of base qualities, alternate against reference reads",
    ),
    (
        In::Both,
        "INFO",
        "DP",
        "1",
        "Integer",
        "Reads over the site",
    ),
    (
        In::Gvcf,
        "INFO",
        "END",
        "1",
        "Integer",
        "Last position of the block",
    ),
    (
        In::Both,
        "INFO",
        "ExcessHet",
        "1",
        "Float",
        "Phred-scaled p-value of an excess of heterozygotes",
    ),
    (
        In::Vcf,
        "INFO",
        "FS",
        "1",
        "Float",
        "Phred-scaled p-value of strand bias by Fisher's exact test",
    ),
    (
        In::Both,
        "INFO",
        "MLEAC",
        "A",
        "Integer",
        "Most likely copies of each alternate allele",
    ),
    (
        In::Both,
        "INFO",
        "MLEAF",
        "A",
        "Float",
        "Most likely share of each alternate allele",
    ),
    (
        In::Vcf,
        "INFO",
        "MQ",
        "1",
        "Float",
        "Root mean square of mapping qualities",
    ),
    (
        In::Both,
        "INFO",
        "MQRankSum",
        "1",
        "Float",
        "Z-score of mapping qualities, alternate against reference reads",
    ),
    (
        In::Vcf,
        "INFO",
        "QD",
        "1",
        "Float",
        "Quality by depth of the reads of variant samples",
    ),
    (
        In::Gvcf,
        "INFO",
        "RAW_MQandDP",
        "2",
        "Integer",
        "Sum of squared mapping qualities, number of reads",
    ),
    (
        In::Both,
        "INFO",
        "ReadPosRankSum",
        "1",
        "Float",
        "Z-score of positions in the read, alternate against reference reads",
    ),
    (
        In::Vcf,
        "INFO",
        "SOR",
        "1",
        "Float",
        "Strand bias as a symmetric odds ratio",
    ),
];

/// Returns all header lines, the one with the column names included.
pub fn header(dictionary: &Dictionary, sample: &str, options: &Options) -> String {
    let gvcf = options.is_gvcf();
    let mut text = String::from("##fileformat=VCFv4.2\n");
    if gvcf {
        text.push_str("##ALT=<ID=NON_REF,Description=\"Any allele that is not listed\">\n");
    }
    text.push_str("##FILTER=<ID=LowQual,Description=\"Low quality\">\n");
    put_fields(&mut text, "FORMAT", gvcf);
    if gvcf {
        put_bands(&mut text, &options.quality_bands);
    }
    put_fields(&mut text, "INFO", gvcf);
    for contig in dictionary.contigs() {
        let line = writeln!(
            text,
            "##contig=<ID={},length={}>",
            contig.name, contig.length
        );
        line.expect("text grows");
    }
    text.push_str("##source=spindle\n");
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t");
    text.push_str(sample);
    text.push('\n');
    text
}

fn put_fields(text: &mut String, wanted: &str, gvcf: bool) {
    let mode = if gvcf { In::Gvcf } else { In::Vcf };
    for (place, kind, id, number, value, description) in FIELDS {
        if kind == wanted && (place == In::Both || place == mode) {
            let line = writeln!(
                text,
                "##{kind}=<ID={id},Number={number},Type={value},Description=\"{description}\">"
            );
            line.expect("text grows");
        }
    }
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
    use crate::options::EmitMode;
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
        assert!(gvcf.contains("##contig=<ID=20,length=63025520>\n"));
    }
}
