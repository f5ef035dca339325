//! The fields that a header declares.

/// Kinds of files, as bits of a set.
pub const VCF: u8 = 1;
/// A gVCF of one sample.
pub const GVCF: u8 = 2;
/// A VCF of a cohort.
pub const COHORT: u8 = 4;
/// A gVCF with blocks.
pub const BLOCKS: u8 = 8;
/// A gVCF with allele-specific annotations.
pub const ALLELE_SPECIFIC: u8 = 16;
/// A file whose calls are named as others named them.
pub const KNOWN: u8 = 32;
/// A VCF that counts strands.
pub const STRANDS: u8 = 64;

/// One line of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The files that declare it.
    pub files: u8,
    /// `FORMAT` or `INFO`.
    pub kind: &'static str,
    /// Its name.
    pub id: &'static str,
    /// How many values it has.
    pub number: &'static str,
    /// What they are.
    pub value: &'static str,
    /// What they mean.
    pub description: &'static str,
}

/// All fields, by kind and name.
pub const FIELDS: [Field; 33] = [
    field(
        VCF | GVCF | COHORT,
        "FORMAT",
        "AD",
        ["R", "Integer"],
        "Informative reads of each allele, the reference first",
    ),
    field(
        VCF | GVCF | COHORT,
        "FORMAT",
        "DP",
        ["1", "Integer"],
        "Informative reads; in a block, their median over its positions",
    ),
    field(
        VCF | GVCF | COHORT,
        "FORMAT",
        "GQ",
        ["1", "Integer"],
        "Genotype quality, Phred-scaled",
    ),
    field(
        VCF | GVCF | COHORT,
        "FORMAT",
        "GT",
        ["1", "String"],
        "Genotype",
    ),
    field(
        BLOCKS,
        "FORMAT",
        "MIN_DP",
        ["1", "Integer"],
        "Smallest depth within the block",
    ),
    field(
        GVCF | COHORT,
        "FORMAT",
        "PGT",
        ["1", "String"],
        "Chromosome of the alternate allele, among the calls of one PID",
    ),
    field(
        GVCF | COHORT,
        "FORMAT",
        "PID",
        ["1", "String"],
        "Calls of one sample with the same PID lie on known chromosomes",
    ),
    field(
        VCF | GVCF | COHORT,
        "FORMAT",
        "PL",
        ["G", "Integer"],
        "Likelihoods of the genotypes, Phred-scaled, the best at 0",
    ),
    field(
        GVCF | COHORT,
        "FORMAT",
        "PS",
        ["1", "Integer"],
        "Position of the first call with the same PID",
    ),
    field(
        GVCF | STRANDS,
        "FORMAT",
        "SB",
        ["4", "Integer"],
        "Informative reads by strand: reference forward, reference reverse, alternates forward, alternates reverse",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "AC",
        ["A", "Integer"],
        "Copies of each alternate allele in the genotypes",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "AF",
        ["A", "Float"],
        "Share of each alternate allele in the genotypes",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "AN",
        ["1", "Integer"],
        "Called alleles in the genotypes",
    ),
    field(
        ALLELE_SPECIFIC,
        "INFO",
        "AS_RAW_BaseQRankSum",
        ["1", "String"],
        "For each alternate the z-score of its base qualities against the reference's, as a histogram",
    ),
    field(
        ALLELE_SPECIFIC,
        "INFO",
        "AS_RAW_MQ",
        ["1", "String"],
        "For each allele the sum of its reads' squared mapping qualities",
    ),
    field(
        ALLELE_SPECIFIC,
        "INFO",
        "AS_RAW_MQRankSum",
        ["1", "String"],
        "For each alternate the z-score of its mapping qualities against the reference's, as a histogram",
    ),
    field(
        ALLELE_SPECIFIC,
        "INFO",
        "AS_RAW_ReadPosRankSum",
        ["1", "String"],
        "For each alternate the z-score of its positions in the read against the reference's, as a histogram",
    ),
    field(
        ALLELE_SPECIFIC,
        "INFO",
        "AS_SB_TABLE",
        ["1", "String"],
        "For each allele its reads on the forward and on the reverse strand",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "BaseQRankSum",
        ["1", "Float"],
        "Z-score of base qualities, alternate against reference reads",
    ),
    field(
        KNOWN,
        "INFO",
        "DB",
        ["0", "Flag"],
        "Known to the database that names the record",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "DP",
        ["1", "Integer"],
        "Reads over the site",
    ),
    field(
        BLOCKS,
        "INFO",
        "END",
        ["1", "Integer"],
        "Last position of the block",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "ExcessHet",
        ["1", "Float"],
        "Phred-scaled p-value of an excess of heterozygotes",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "FS",
        ["1", "Float"],
        "Phred-scaled p-value of strand bias by Fisher's exact test",
    ),
    field(
        COHORT,
        "INFO",
        "InbreedingCoeff",
        ["1", "Float"],
        "Heterozygotes missing, as a share of those expected",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "MLEAC",
        ["A", "Integer"],
        "Most likely copies of each alternate allele",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "MLEAF",
        ["A", "Float"],
        "Most likely share of each alternate allele",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "MQ",
        ["1", "Float"],
        "Root mean square of mapping qualities",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "MQRankSum",
        ["1", "Float"],
        "Z-score of mapping qualities, alternate against reference reads",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "QD",
        ["1", "Float"],
        "Quality by depth of the reads of variant samples",
    ),
    field(
        GVCF,
        "INFO",
        "RAW_MQandDP",
        ["2", "Integer"],
        "Sum of squared mapping qualities, number of reads",
    ),
    field(
        VCF | GVCF | COHORT,
        "INFO",
        "ReadPosRankSum",
        ["1", "Float"],
        "Z-score of positions in the read, alternate against reference reads",
    ),
    field(
        VCF | COHORT,
        "INFO",
        "SOR",
        ["1", "Float"],
        "Strand bias as a symmetric odds ratio",
    ),
];

const fn field(
    files: u8,
    kind: &'static str,
    id: &'static str,
    [number, value]: [&'static str; 2],
    description: &'static str,
) -> Field {
    Field {
        files,
        kind,
        id,
        number,
        value,
        description,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_the_order_of_their_names() {
        let names: Vec<_> = FIELDS.iter().map(|field| (field.kind, field.id)).collect();
        assert!(names.is_sorted());
    }
}
