//! Counts of what was called; they add up in any order.

use crate::call::Call;

/// Totals over the records written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Records of variants: genotypes with an alternate allele.
    pub variants: u64,
    /// Alternate alleles in genotypes that replace one base.
    pub snvs: u64,
    /// Alternate alleles in genotypes that change the length.
    pub indels: u64,
    /// SNVs within purines or within pyrimidines.
    pub transitions: u64,
    /// The other SNVs.
    pub transversions: u64,
}

impl Summary {
    /// Counts a record.
    pub fn count(&mut self, call: &Call) {
        let called = call.sample.genotype.as_deref().unwrap_or_default();
        let mut is_variant = false;
        for (index, alternate) in (1u8..).zip(&call.alleles[1..]) {
            if !called.contains(&index) || alternate.starts_with(b"<") || **alternate == *b"*" {
                continue;
            }
            is_variant = true;
            self.count_allele(&call.alleles[0], alternate);
        }
        self.variants += u64::from(is_variant);
    }

    fn count_allele(&mut self, reference: &[u8], alternate: &[u8]) {
        if reference.len() != alternate.len() {
            self.indels += 1;
            return;
        }
        let Some((from, to)) = reference.iter().zip(alternate).find(|(a, b)| a != b) else {
            return;
        };
        self.snvs += 1;
        let is_transition = matches!(
            (from, to),
            (b'A', b'G') | (b'G', b'A') | (b'C', b'T') | (b'T', b'C')
        );
        self.transitions += u64::from(is_transition);
        self.transversions += u64::from(!is_transition);
    }

    /// Adds the counts of another part.
    pub const fn add(&mut self, other: &Self) {
        let Self {
            variants,
            snvs,
            indels,
            transitions,
            transversions,
        } = *other;
        self.variants += variants;
        self.snvs += snvs;
        self.indels += indels;
        self.transitions += transitions;
        self.transversions += transversions;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Annotations, Sample};
    use genome::region::ContigId;

    #[test]
    fn only_alleles_of_the_genotype_count() {
        let call = Call {
            contig: ContigId(0),
            position: 5,
            identifier: None,
            is_low_quality: false,
            alleles: vec![
                b"AC".as_slice().into(),
                b"GC".as_slice().into(),
                b"A".as_slice().into(),
                b"TC".as_slice().into(),
                crate::call::NON_REF.into(),
            ],
            quality: 50.0,
            annotations: Annotations::default(),
            sample: Sample {
                genotype: Some(vec![1, 2]),
                ..Sample::default()
            },
        };
        let mut summary = Summary::default();
        summary.count(&call);
        let expected = Summary {
            variants: 1,
            snvs: 1,
            indels: 1,
            transitions: 1,
            transversions: 0,
        };
        assert_eq!(summary, expected);
        summary.add(&expected);
        assert_eq!(summary.variants, 2);
    }
}
