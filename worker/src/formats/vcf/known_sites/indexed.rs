//! Known sites of some stretches alone, through the index beside a compressed VCF.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use genome::dictionary::Dictionary;
use genome::region::Region;
use noodles::core::{Position, region::Interval};
use noodles::csi::binning_index::index::reference_sequence::bin::Chunk;
use noodles::csi::binning_index::index::reference_sequence::index::Index as Offsets;
use noodles::csi::binning_index::{Index, merge_chunks};
use noodles::csi::{self, BinningIndex};
use noodles::{bgzf, tabix};

use super::Sites;

/// Endings of the indexes beside a VCF that are looked for, in this order.
pub const INDEX_ENDINGS: [&str; 2] = [".tbi", ".csi"];

/// Reads the sites that overlap stretches, and perhaps others; one may come twice.
///
/// # Errors
/// Whatever keeps the index from being used: the whole file tells what is wrong, if anything.
pub fn known_sites_within(
    vcf: &Path,
    index: &Path,
    dictionary: &Dictionary,
    stretches: &[Region],
) -> io::Result<Vec<Region>> {
    let mut lines = Lines {
        text: bgzf::io::Reader::new(BufReader::new(File::open(vcf)?)),
        sites: Sites::new(dictionary),
    };
    if index.extension().is_some_and(|ending| ending == "csi") {
        lines.read(&csi::fs::read(index)?, stretches)?;
    } else {
        lines.read(&tabix::fs::read(index)?, stretches)?;
    }
    Ok(lines.sites.found)
}

struct Lines<'a> {
    text: bgzf::io::Reader<BufReader<File>>,
    sites: Sites<'a>,
}

impl Lines<'_> {
    fn read<I: Offsets>(&mut self, index: &Index<I>, stretches: &[Region]) -> io::Result<()> {
        let header = index
            .header()
            .ok_or_else(|| unusable("no names of contigs"))?;
        let names = header.reference_sequence_names();
        let place = |name: &str| {
            let id = names.get_index_of(name.as_bytes())?;
            let contig = index.reference_sequences().get(id)?;
            (!contig.bins().is_empty()).then_some(id)
        };
        self.check_header()?;
        let dictionary = self.sites.dictionary;
        let contigs = dictionary.contigs();
        if !contigs.iter().any(|contig| place(&contig.name).is_some()) {
            return Err(unusable("no contig of the reference"));
        }
        for stretch in stretches {
            let contig = dictionary.contig(stretch.contig);
            let last = stretch.end.min(contig.length);
            let Some(id) = place(&contig.name).filter(|_| stretch.start < last) else {
                continue;
            };
            let interval: Interval = (position(stretch.start + 1)?..=position(last)?).into();
            // Offsets that spare chunks are left aside: some writers' CSI has wrong ones.
            let sequence = &index.reference_sequences()[id];
            let bins = sequence.query(index.min_shift(), index.depth(), interval)?;
            let chunks: Vec<Chunk> = bins.iter().flat_map(|bin| bin.chunks()).copied().collect();
            for chunk in merge_chunks(&chunks) {
                self.take(chunk.start(), chunk.end())?;
            }
        }
        Ok(())
    }

    /// Checks that the header's contigs are those of the reference.
    fn check_header(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            self.text.read_until(b'\n', &mut line)?;
            let content = line.trim_ascii_end();
            if !content.starts_with(b"#") {
                return Ok(());
            }
            let checked = self.sites.check_header_line(content);
            checked.map_err(io::Error::other)?;
        }
    }

    /// Takes the sites of whole lines between two places.
    fn take(&mut self, start: bgzf::VirtualPosition, end: bgzf::VirtualPosition) -> io::Result<()> {
        self.text.seek(start)?;
        let mut line = Vec::new();
        while self.text.virtual_position() < end {
            line.clear();
            if self.text.read_until(b'\n', &mut line)? == 0 {
                return Err(unusable("a place beyond the end of the file"));
            }
            let content = line.trim_ascii_end();
            if content.is_empty() || content.starts_with(b"#") {
                continue;
            }
            self.sites.take(content).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

fn position(value: u64) -> io::Result<Position> {
    let position = usize::try_from(value).ok().and_then(Position::new);
    position.ok_or_else(|| unusable("no such position"))
}

fn unusable(what: &str) -> io::Error {
    io::Error::other(format!("the index has {what}"))
}

#[cfg(test)]
mod tests {
    use super::super::known_sites;
    use super::*;
    use crate::formats::vcf::Writer;
    use genome::dictionary::Contig;
    use genome::region::ContigId;
    use std::fs;

    const HEAD: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

    /// Sites every 97 bp of two contigs; some are long. A third contig has none.
    fn text() -> String {
        let mut text = HEAD.to_owned();
        for contig in ["a", "c", "elsewhere"] {
            for at in 1..4000 {
                let position = at * 97;
                let info = match at % 500 {
                    0 => format!("SVTYPE=DEL;END={}", position + 30_000),
                    _ => format!("AF=0.{at}"),
                };
                text += &format!("{contig}\t{position}\trs{at}\tACG\tA\t.\t.\t{info}\n");
            }
        }
        text
    }

    fn dictionary(lengths: &[(&str, u64)]) -> Dictionary {
        let contig = |&(name, length): &(&str, u64)| Contig {
            name: name.into(),
            length,
        };
        Dictionary::new(lengths.iter().map(contig).collect())
    }

    /// Writes a compressed VCF with its index; returns what the index's name adds.
    fn written(folder: &Path, dictionary: &Dictionary) -> &'static str {
        let mut writer = Writer::new(Vec::new(), dictionary);
        writer.write_text(text().as_bytes()).unwrap();
        let written = writer.finish().unwrap();
        fs::write(folder.join("k.vcf.gz"), &written.out).unwrap();
        let name = format!("k.vcf.gz{}", written.index_ending);
        fs::write(folder.join(name), &written.index).unwrap();
        written.index_ending
    }

    #[test]
    fn sites_through_an_index_are_those_of_a_scan() {
        for (long, ending) in [(400_000, ".tbi"), (1 << 30, ".csi")] {
            let folder = tempfile::tempdir().unwrap();
            let all = [
                ("a", 400_000),
                ("b", 500),
                ("c", long),
                ("elsewhere", 400_000),
            ];
            assert_eq!(written(folder.path(), &dictionary(&all)), ending);
            let dictionary = dictionary(&all[..3]);
            let vcf = folder.path().join("k.vcf.gz");
            let file = Box::new(File::open(&vcf).unwrap());
            let scanned = known_sites(file, "k.vcf.gz", &dictionary).unwrap();
            let index = folder.path().join(format!("k.vcf.gz{ending}"));
            for (contig, start, end) in [
                (0, 0, 1),
                (0, 0, 500_000),
                (0, 70_000, 70_001),
                (1, 0, 500),
                (2, 100_000, 165_536),
                (2, 399_999, 400_000),
            ] {
                let stretch = Region::new(ContigId(contig), start, end);
                let overlapping = |sites: &[Region]| {
                    let mut kept = sites.to_vec();
                    kept.retain(|site| site.overlaps(&stretch));
                    kept
                };
                let read = known_sites_within(&vcf, &index, &dictionary, &[stretch]).unwrap();
                assert_eq!(overlapping(&read), overlapping(&scanned), "{stretch:?}");
            }
        }
    }

    #[test]
    fn an_index_that_does_not_fit_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let all = [("a", 400_000), ("c", 400_000), ("elsewhere", 400_000)];
        written(folder.path(), &dictionary(&all));
        let vcf = folder.path().join("k.vcf.gz");
        let index = folder.path().join("k.vcf.gz.tbi");
        let stretch = [Region::new(ContigId(0), 0, 400_000)];
        let other = dictionary(&[("b", 400_000)]);
        assert!(known_sites_within(&vcf, &index, &other, &stretch).is_err());
        let known = dictionary(&all);
        fs::write(&vcf, text()).unwrap();
        assert!(known_sites_within(&vcf, &index, &known, &stretch).is_err());
        fs::write(&index, "no index").unwrap();
        assert!(known_sites_within(&vcf, &index, &known, &stretch).is_err());
    }
}
