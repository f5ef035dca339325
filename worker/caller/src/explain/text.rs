//! An explanation in words.

use super::{Assembled, Decision, Explanation, RegionStory, SiteStory};
use crate::activity_profile::THRESHOLD;
use crate::haplotype::{Event, Haplotype};
use crate::vcf::fixed;
use std::fmt::{self, Display, Formatter};

impl Display for Explanation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (contig, position) = &self.place;
        let letter = char::from(self.letter);
        writeln!(out, "{contig}:{} {letter}", position + 1)?;
        self.put_reads(out)?;
        let Some(region) = &self.region else {
            return writeln!(
                out,
                "decision: not looked at, no interval holds the position"
            );
        };
        let (state, smoothed) = &self.activity;
        write!(
            out,
            "activity: {} by the reads",
            fixed(state.probability, 4)
        )?;
        if let Some(mean) = state.soft_clips {
            write!(
                out,
                ", {} soft-clipped bases beside it in the mean",
                fixed(mean, 1)
            )?;
        }
        writeln!(
            out,
            ", {} smoothed; above {THRESHOLD} is active",
            fixed(*smoothed, 4)
        )?;
        put_region(out, contig, region)?;
        let decision = self.decision(region);
        writeln!(out, "decision: {decision}")
    }
}

impl Explanation {
    fn put_reads(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "coverage: {} reads", self.records)?;
        let refused: u32 = self.refused.values().sum();
        if refused > 0 {
            let reasons = self.refused.iter();
            let words: Vec<String> = reasons
                .map(|(reason, count)| format!("{count} {}", reason.text()))
                .collect();
            write!(out, ", {refused} filtered: {}", words.join(", "))?;
        }
        if self.downsampled > 0 {
            write!(
                out,
                ", {} left out, too many begin together",
                self.downsampled
            )?;
        }
        writeln!(out)
    }

    fn decision(&self, region: &RegionStory) -> String {
        let Some(assembled) = &region.assembled else {
            return "not called: the region is not active".into();
        };
        if assembled.called_span.is_none() {
            return "not called: nothing varies in the region".into();
        }
        let Some(site) = &assembled.site else {
            return "not called: no haplotype differs from the reference here".into();
        };
        let quality = fixed(site.quality, 2);
        let limit = fixed(self.confidence.max(0.0), 2);
        match site.decision {
            Decision::Called => format!("called: QUAL {quality}, {limit} is needed"),
            Decision::Forced => format!("written because it is forced: QUAL {quality}"),
            Decision::LowQuality => format!("not called: QUAL {quality}, {limit} is needed"),
            Decision::NoSureAllele => {
                format!("not called: no alternate allele is there with QUAL {limit}")
            }
            Decision::OnlySpanning => "not called: only an earlier deletion is seen".into(),
        }
    }
}

fn put_region(out: &mut Formatter<'_>, contig: &str, region: &RegionStory) -> fmt::Result {
    let kind = if region.is_active {
        "active"
    } else {
        "not active"
    };
    let (raw, left) = region.reads;
    writeln!(
        out,
        "region: {contig}:{}-{}, {kind}, {raw} reads, {left} after clipping",
        region.span.start + 1,
        region.span.end
    )?;
    match &region.assembled {
        Some(assembled) => put_assembled(out, contig, assembled),
        None => Ok(()),
    }
}

fn put_assembled(out: &mut Formatter<'_>, contig: &str, assembled: &Assembled) -> fmt::Result {
    for (k, attempt) in &assembled.attempts {
        writeln!(out, "assembly: k = {k} {}", attempt.text())?;
    }
    for haplotype in &assembled.haplotypes {
        writeln!(out, "haplotype: {}", told(haplotype))?;
    }
    let Some(span) = assembled.called_span else {
        return Ok(());
    };
    let (compared, fit, aside) = assembled.reads;
    writeln!(
        out,
        "genotyped: {contig}:{}-{} from {fit} reads; {} of {compared} fit no haplotype, {aside} set aside",
        span.start + 1,
        span.end,
        compared - fit,
    )?;
    match &assembled.site {
        Some(site) => put_site(out, site),
        None => Ok(()),
    }
}

fn told(haplotype: &Haplotype) -> String {
    if haplotype.is_reference {
        return "the reference".into();
    }
    let letters = |letters: &[u8]| String::from_utf8_lossy(letters).into_owned();
    let event = |event: &Event| {
        let (from, to) = (letters(&event.reference), letters(&event.alternate));
        format!("{} {from}>{to}", event.start + 1)
    };
    let events: Vec<String> = haplotype.events.iter().map(event).collect();
    match haplotype.kmer_size {
        0 => format!("{} (forced)", events.join(", ")),
        k => format!("{} (k = {k})", events.join(", ")),
    }
}

fn put_site(out: &mut Formatter<'_>, site: &SiteStory) -> fmt::Result {
    for allele in &site.alleles {
        let dropped = if allele.is_kept { "" } else { ", dropped" };
        writeln!(
            out,
            "allele: {} with {} reads, log10 likelihood {}{dropped}",
            String::from_utf8_lossy(&allele.letters),
            allele.reads,
            fixed(allele.likelihood, 2),
        )?;
    }
    let words: Vec<String> = site.likelihoods.iter().map(u32::to_string).collect();
    writeln!(out, "genotypes: PL {}", words.join(","))
}
