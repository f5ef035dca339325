//! The annotations that may be asked for by GATK's names.

use anyhow::Result;

use crate::exit::{Exit, ended};

/// Groups that are always written.
const STANDARD_GROUPS: [&str; 2] = ["StandardAnnotation", "StandardHCAnnotation"];

/// The group of annotations for each allele.
const ALLELE_SPECIFIC_GROUP: &str = "AS_StandardAnnotation";

/// Annotations that are always written, each in its kind of file.
const STANDARD: [&str; 14] = [
    "BaseQualityRankSumTest",
    "ChromosomeCounts",
    "Coverage",
    "DepthPerAlleleBySample",
    "DepthPerSampleHC",
    "ExcessHet",
    "FisherStrand",
    "InbreedingCoeff",
    "MappingQualityRankSumTest",
    "QualByDepth",
    "RMSMappingQuality",
    "ReadPosRankSumTest",
    "RawGtCount",
    "StrandOddsRatio",
];

/// The annotation of reads by strand, which a gVCF has anyway.
const STRANDS: &str = "StrandBiasBySample";

/// GATK's other annotations.
const OTHERS: [&str; 30] = [
    "AS_BaseQualityRankSumTest",
    "AS_FisherStrand",
    "AS_InbreedingCoeff",
    "AS_MappingQualityRankSumTest",
    "AS_QualByDepth",
    "AS_RMSMappingQuality",
    "AS_ReadPosRankSumTest",
    "AS_StrandBiasMutectAnnotation",
    "AS_StrandOddsRatio",
    "AlleleFraction",
    "AllelePseudoDepth",
    "AssemblyComplexity",
    "BaseQuality",
    "BaseQualityHistogram",
    "ClippingRankSumTest",
    "CountNs",
    "DepthPerAlleleFractionBySample",
    "FragmentLength",
    "GenotypeSummaries",
    "HaplotypeFilteringAnnotation",
    "LikelihoodRankSumTest",
    "MappingQuality",
    "MappingQualityZero",
    "OrientationBiasReadCounts",
    "OriginalAlignment",
    "ReadPosition",
    "ReferenceBases",
    "SampleList",
    "TandemRepeat",
    "UniqueAltReadCount",
];

/// What is written beyond the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    /// Annotations for each allele.
    pub allele_specific: bool,
    /// Reads by strand in a VCF.
    pub strands: bool,
}

/// Returns what groups and annotations add.
///
/// # Errors
/// Names the first one that GATK does not know, or that is not written here.
pub fn added(groups: &[String], names: &[String]) -> Result<Added> {
    let mut added = Added::default();
    for group in groups {
        if group == ALLELE_SPECIFIC_GROUP {
            added.allele_specific = true;
        } else if !STANDARD_GROUPS.contains(&group.as_str()) {
            let message = format!(
                "annotation group {group} is not written; {}, {} and {ALLELE_SPECIFIC_GROUP} are",
                STANDARD_GROUPS[0], STANDARD_GROUPS[1]
            );
            return Err(ended(Exit::Usage, message));
        }
    }
    for name in names.iter().map(String::as_str) {
        if name == STRANDS {
            added.strands = true;
        } else if OTHERS.contains(&name) {
            return Err(ended(
                Exit::Usage,
                format!("annotation {name} is not written yet"),
            ));
        } else if !STANDARD.contains(&name) {
            return Err(ended(Exit::Usage, format!("unknown annotation {name}")));
        }
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_written_or_refused() {
        let texts = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.into())
                .collect::<Vec<String>>()
        };
        let message = |groups: &[&str], names: &[&str]| {
            let error = added(&texts(groups), &texts(names)).unwrap_err();
            error.to_string()
        };
        let standard = added(&texts(&STANDARD_GROUPS), &texts(&["Coverage"])).unwrap();
        assert_eq!(standard, Added::default());
        let more = added(
            &texts(&["AS_StandardAnnotation"]),
            &texts(&["StrandBiasBySample"]),
        );
        assert!(matches!(
            more,
            Ok(Added {
                allele_specific: true,
                strands: true
            })
        ));
        assert_eq!(message(&[], &["Nonsense"]), "unknown annotation Nonsense");
        assert_eq!(
            message(&[], &["CountNs"]),
            "annotation CountNs is not written yet"
        );
        assert!(message(&["StandardMutectAnnotation"], &[]).contains("is not written"));
    }
}
