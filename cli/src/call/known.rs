//! Names that others gave to variants: dbSNP's, written as ID and DB.
//!
//! Source: GATK 4.6 `VariantOverlapAnnotator`.

use std::path::Path;

use caller::Call;
use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::region::ContigId;

use super::sites::{Site, Sites};

/// A walk along the known variants, in the order of the reference.
pub struct KnownVariants<'a> {
    sites: Sites<'a>,
    /// The next site, not yet passed.
    next: Option<Site>,
    /// The sites at the place last asked for.
    here: Vec<Site>,
}

impl<'a> KnownVariants<'a> {
    /// Opens a VCF.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(path: &Path, dictionary: &'a Dictionary) -> Result<Self, Failure> {
        let mut sites = Sites::open(path, dictionary)?;
        let next = sites.next_site()?;
        Ok(Self {
            sites,
            next,
            here: Vec::new(),
        })
    }

    /// Names a call if it has an allele of a known variant; calls come in order.
    ///
    /// # Errors
    /// What is wrong with the file; that it is not sorted as the reference.
    pub fn name(&mut self, call: &mut Call) -> Result<(), Failure> {
        self.walk_to((call.contig, call.position))?;
        let shares = |site: &&Site| {
            let has = |allele: &Vec<u8>| call.alleles[1..].iter().any(|one| **one == **allele);
            site.reference == *call.alleles[0] && site.alternates.iter().any(has)
        };
        let names: Vec<&str> = self
            .here
            .iter()
            .filter(shares)
            .map(|site| &*site.name)
            .collect();
        if !names.is_empty() {
            call.identifier = Some(names.join(";"));
            call.annotations.is_known = true;
        }
        Ok(())
    }

    fn walk_to(&mut self, place: (ContigId, u64)) -> Result<(), Failure> {
        self.here.retain(|site| (site.contig, site.start) == place);
        while let Some(site) = self.next.take_if(|site| (site.contig, site.start) <= place) {
            let at = (site.contig, site.start);
            if at == place && !site.is_filtered {
                self.here.push(site);
            }
            self.next = self.sites.next_site()?;
            if self
                .next
                .as_ref()
                .is_some_and(|next| (next.contig, next.start) < at)
            {
                return Err(self
                    .sites
                    .refused("records are not in the order of the reference"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caller::call::{Annotations, Sample};
    use genome::dictionary::Contig;

    fn call(position: u64, alleles: &[&str]) -> Call {
        Call {
            contig: ContigId(0),
            position,
            identifier: None,
            alleles: alleles.iter().map(|text| text.as_bytes().into()).collect(),
            quality: 50.0,
            is_low_quality: false,
            annotations: Annotations::default(),
            sample: Sample::default(),
        }
    }

    #[test]
    fn calls_are_named_by_shared_alleles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known.vcf");
        let lines = "##fileformat=VCFv4.2\n#CHROM\n\
            a\t6\trs1\tA\tC\t.\t.\t.\na\t6\trs2\tA\tC,G\t.\tPASS\t.\na\t6\trs3\tA\tC\t.\tbad\t.\n\
            z\t7\trs9\tA\tC\t.\t.\t.\na\t9\trs4\tA\tC\t.\t.\t.\n";
        std::fs::write(&path, lines).unwrap();
        let dictionary = Dictionary::new(vec![Contig {
            name: "a".into(),
            length: 40,
        }]);
        let mut known = KnownVariants::open(&path, &dictionary).unwrap();
        let mut named = |mut call: Call| {
            known.name(&mut call).unwrap();
            (
                call.identifier.unwrap_or_default(),
                call.annotations.is_known,
            )
        };
        assert_eq!(named(call(5, &["A", "C", "T"])), ("rs1;rs2".into(), true));
        assert_eq!(named(call(6, &["A", "C"])), (String::new(), false));
        assert_eq!(named(call(8, &["A", "G"])), (String::new(), false));
        std::fs::write(&path, "a\t6\n").unwrap();
        assert!(KnownVariants::open(&path, &dictionary).is_err());
    }
}
