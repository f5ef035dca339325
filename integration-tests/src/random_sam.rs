//! Seeded reads for awkward cases: SAM text on a small reference, in the order of names.
//!
//! Few places and lengths, so that duplicates, clusters and ties are common; every kind of record
//! that the tools tell apart.

use std::fmt::Write;

/// Contigs of the reference, with their lengths.
const CONTIGS: [(&str, usize); 3] = [("one", 4000), ("two", 2500), ("three", 600)];

/// Read groups: ID, library, platform unit; nothing is where a header line lacks the field.
const READ_GROUPS: [(&str, &str, &str); 4] = [
    ("a", "first", "unit.1"),
    ("b", "second", "unit.2"),
    ("c", "first", "unit.1"),
    ("d", "third", ""),
];

/// A small generator of numbers: xorshift64*, Vigna 2016.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts at a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns a number below `end`, which is not 0.
    pub const fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }

    /// Says yes once in so many times.
    pub const fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A reference and reads on it.
#[derive(Debug)]
pub struct World {
    random: Random,
    contigs: Vec<Vec<u8>>,
    names: usize,
    sam: String,
}

/// Where and how a read lies.
#[derive(Debug, Clone)]
struct Placed {
    contig: usize,
    /// 0-based.
    start: usize,
    reverse: bool,
    cigar: Vec<(usize, u8)>,
    mapping_quality: usize,
}

impl Placed {
    fn span(&self) -> usize {
        let spans = |op: &&(usize, u8)| b"MDN=X".contains(&op.1);
        self.cigar.iter().filter(spans).map(|op| op.0).sum()
    }

    fn text(&self) -> String {
        let op = |op: &(usize, u8)| format!("{}{}", op.0, char::from(op.1));
        self.cigar.iter().map(op).collect()
    }
}

impl World {
    /// Makes a reference and a header.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let contig = |(_, length): &(&str, usize)| {
            let mut bases: Vec<u8> = (0..*length).map(|_| random.pick(b"ACGT")).collect();
            let hole = random.below(length - 100);
            bases[hole..hole + 40].fill(b'N');
            bases
        };
        let contigs = CONTIGS.iter().map(contig).collect();
        let mut sam = "@HD\tVN:1.6\tSO:unsorted\n".to_owned();
        for (name, length) in CONTIGS {
            let _ = writeln!(sam, "@SQ\tSN:{name}\tLN:{length}");
        }
        for (id, library, unit) in READ_GROUPS {
            let _ = write!(sam, "@RG\tID:{id}\tSM:s\tLB:{library}\tPL:ILLUMINA");
            sam.push_str(&if unit.is_empty() {
                "\n".into()
            } else {
                format!("\tPU:{unit}\n")
            });
        }
        Self {
            random,
            contigs,
            names: 0,
            sam,
        }
    }

    /// Returns the reference as FASTA.
    pub fn fasta(&self) -> String {
        let mut text = String::new();
        for ((name, _), bases) in CONTIGS.iter().zip(&self.contigs) {
            let _ = writeln!(text, ">{name}");
            for line in bases.chunks(60) {
                let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
            }
        }
        text
    }

    /// Adds so many fragments, each with all its records.
    pub fn add(&mut self, fragments: usize) {
        for _ in 0..fragments {
            match self.random.below(20) {
                0 => self.single(),
                1 => self.lone(),
                2 => self.unplaced(),
                _ => self.pair(),
            }
        }
    }

    /// Returns the SAM text.
    pub fn sam(&self) -> &str {
        &self.sam
    }

    /// A read without a mate.
    fn single(&mut self) {
        let name = self.name();
        let place = self.place();
        let flags = self.quirks() | (u16::from(place.reverse) * 0x10);
        let group = self.group();
        self.record(&name, flags, Some(&place), None, 0, group);
    }

    /// A pair of which one read is mapped.
    fn lone(&mut self) {
        let name = self.name();
        let place = self.place();
        let strand = u16::from(place.reverse);
        let group = self.group();
        let (first, second) = if self.random.once_in(2) {
            (0x40, 0x80)
        } else {
            (0x80, 0x40)
        };
        let quirks = self.quirks();
        let flags = 0x9 | first | (strand * 0x10) | quirks;
        self.record(&name, flags, Some(&place), None, 0, group);
        let at = (place.contig, place.start);
        let flags = 0x5 | second | (strand * 0x20) | (quirks & 0x200);
        self.unmapped(&name, flags, Some(at), group);
    }

    /// A pair that maps nowhere.
    fn unplaced(&mut self) {
        let (name, group) = (self.name(), self.group());
        self.unmapped(&name, 0x4D, None, group);
        self.unmapped(&name, 0x8D, None, group);
    }

    fn pair(&mut self) {
        let (name, group) = (self.name(), self.group());
        let mut left = self.place();
        let mut right = self.place();
        if !self.random.once_in(8) {
            // Most pairs face each other on one contig, a few lengths apart.
            right.contig = left.contig;
            let length = self.contigs[left.contig].len();
            let shift = self.random.pick(&[0, 20, 60, 150, 400]);
            right.start = (left.start + shift).min(length - right.span());
            (left.reverse, right.reverse) = (false, true);
            if self.random.once_in(10) {
                left.reverse = true;
            }
        }
        if self.random.once_in(2) {
            std::mem::swap(&mut left, &mut right);
        }
        let proper = if self.random.once_in(4) { 0 } else { 0x2 };
        let (quirks, length) = (self.quirks(), template_length(&left, &right));
        for (read, own, mate, length) in [
            (0x40, &left, &right, length),
            (0x80, &right, &left, -length),
        ] {
            let strands = (u16::from(own.reverse) * 0x10) | (u16::from(mate.reverse) * 0x20);
            let flags = 0x1 | proper | read | strands | quirks;
            self.record(&name, flags, Some(own), Some(mate), length, group);
            for kind in [0x100, 0x800] {
                if self.random.once_in(15) {
                    let other = self.place();
                    let flags = (flags & !0x10) | kind | (u16::from(other.reverse) * 0x10);
                    self.record(&name, flags, Some(&other), Some(mate), 0, group);
                }
            }
        }
    }

    /// Flags that say nothing about the place: failed, or an old mark of a duplicate.
    const fn quirks(&mut self) -> u16 {
        let failed = if self.random.once_in(25) { 0x200 } else { 0 };
        let marked = if self.random.once_in(12) { 0x400 } else { 0 };
        failed | marked
    }

    fn group(&mut self) -> usize {
        self.random.below(READ_GROUPS.len())
    }

    /// A name whose cluster is near others', or one that tells no cluster.
    fn name(&mut self) -> String {
        self.names += 1;
        let number = self.names;
        let (tile, x, y) = (
            1101 + self.random.below(2),
            self.random.pick(&[1000, 1050, 1101, 1190, 32_760, 32_800]),
            self.random.pick(&[7, 80, 150, 300]) + number % 5,
        );
        match self.random.below(8) {
            0 => format!("read{number}"),
            1 => format!("m{number}:1:{tile}:{x}:{y}"),
            2 => format!("m{number}:{tile}:{x}"),
            _ => format!("m{number}:9:FC:1:{tile}:{x}:{y}"),
        }
    }

    /// One of a few places, with a CIGAR of one of a few shapes.
    fn place(&mut self) -> Placed {
        let contig = self.random.pick(&[0, 0, 0, 1, 1, 2]);
        let cigar = self.cigar();
        let mut placed = Placed {
            contig,
            start: 0,
            reverse: self.random.once_in(2),
            cigar,
            mapping_quality: self.random.pick(&[0, 3, 19, 20, 37, 60, 60, 60]),
        };
        let room = self.contigs[contig].len() - placed.span();
        let spot = self.random.below(12) * room / 12;
        // What is clipped in front starts that much later, so that the unclipped start is the spot.
        let clipped: usize = placed
            .cigar
            .iter()
            .take_while(|op| b"SH".contains(&op.1))
            .map(|op| op.0)
            .sum();
        placed.start = (spot + clipped + self.random.below(2)).min(room);
        placed
    }

    fn cigar(&mut self) -> Vec<(usize, u8)> {
        let n = self.random.pick(&[30, 50, 50, 50, 76]);
        match self.random.below(14) {
            0 => vec![(4, b'S'), (n - 4, b'M')],
            1 => vec![(n - 7, b'M'), (7, b'S')],
            2 => vec![(3, b'H'), (n - 3, b'M')],
            3 => vec![(2, b'H'), (5, b'S'), (n - 9, b'M'), (4, b'S'), (1, b'H')],
            4 => vec![(10, b'M'), (2, b'I'), (n - 12, b'M')],
            5 => vec![(12, b'M'), (3, b'D'), (n - 12, b'M')],
            6 => vec![(2, b'I'), (n - 2, b'M')],
            7 => vec![(9, b'='), (1, b'X'), (n - 10, b'=')],
            8 => vec![(15, b'M'), (1, b'D'), (1, b'I'), (n - 16, b'M')],
            _ => vec![(n, b'M')],
        }
    }

    /// Writes a mapped record.
    fn record(
        &mut self,
        name: &str,
        flags: u16,
        own: Option<&Placed>,
        mate: Option<&Placed>,
        length: i64,
        group: usize,
    ) {
        let Some(own) = own else { return };
        let contig = CONTIGS[own.contig].0;
        let (place, quality, cigar) = (own.start + 1, own.mapping_quality, own.text());
        let _ = write!(
            self.sam,
            "{name}\t{flags}\t{contig}\t{place}\t{quality}\t{cigar}\t"
        );
        match mate {
            Some(mate) if mate.contig == own.contig => {
                let _ = write!(self.sam, "=\t{}\t{length}\t", mate.start + 1);
            }
            Some(mate) => {
                let contig = CONTIGS[mate.contig].0;
                let _ = write!(self.sam, "{contig}\t{}\t0\t", mate.start + 1);
            }
            None if flags & 0x1 != 0 => {
                let _ = write!(self.sam, "=\t{place}\t0\t");
            }
            None => self.sam.push_str("*\t0\t0\t"),
        }
        let bases = self.bases(own);
        self.finish(&bases, group);
        if let Some(mate) = mate {
            let cigar = mate.text();
            let _ = write!(self.sam, "\tMC:Z:{cigar}");
            if self.random.once_in(2) {
                let _ = write!(self.sam, "\tMQ:i:{}", mate.mapping_quality);
            }
        }
        self.sam.push('\n');
    }

    /// Writes an unmapped record, placed beside its mate or nowhere.
    fn unmapped(&mut self, name: &str, flags: u16, place: Option<(usize, usize)>, group: usize) {
        let (contig, place, mate) = match place {
            Some((contig, start)) => (CONTIGS[contig].0, start + 1, "="),
            None => ("*", 0, "*"),
        };
        let _ = write!(
            self.sam,
            "{name}\t{flags}\t{contig}\t{place}\t0\t*\t{mate}\t{place}\t0\t"
        );
        let bases: Vec<u8> = (0..50).map(|_| self.random.pick(b"ACGTN")).collect();
        self.finish(&bases, group);
        self.sam.push('\n');
    }

    /// Writes bases, qualities and the tags of every record.
    fn finish(&mut self, bases: &[u8], group: usize) {
        self.sam.push_str(&String::from_utf8_lossy(bases));
        self.sam.push('\t');
        let usual = self.random.pick(&[2, 14, 15, 20, 30, 37]);
        for at in 0..bases.len() {
            let quality = match self.random.below(6) {
                0 => self.random.below(42),
                1 if at + 4 > bases.len() => 2,
                _ => usual,
            };
            self.sam.push(char::from(b'!' + quality as u8));
        }
        let _ = write!(self.sam, "\tRG:Z:{}", READ_GROUPS[group].0);
        if self.random.once_in(3) {
            let barcode = self.random.pick(&["AC", "GT", "AC-GT"]);
            let _ = write!(self.sam, "\tRX:Z:{barcode}");
        }
        if self.random.once_in(20) {
            self.sam.push_str("\tDT:Z:LB");
        }
    }

    /// Returns the letters of a read: the reference's, with mistakes.
    fn bases(&mut self, place: &Placed) -> Vec<u8> {
        let mut bases = Vec::new();
        let mut at = place.start;
        for &(length, kind) in &place.cigar {
            for _ in 0..length {
                let own = self.contigs[place.contig].get(at).copied().unwrap_or(b'A');
                let other = self.random.pick(b"ACGTN");
                match kind {
                    b'M' | b'=' | b'X' => {
                        let is_other = self.random.once_in(25) || own == b'N';
                        bases.push(if is_other { other } else { own });
                    }
                    b'I' | b'S' => bases.push(other),
                    _ => {}
                }
                at += usize::from(b"MDN=X".contains(&kind));
            }
        }
        bases
    }
}

/// Returns TLEN of the first of two reads. SAM v1 §1.4 (2024-11-06), as aligners write it.
fn template_length(first: &Placed, second: &Placed) -> i64 {
    if first.contig != second.contig {
        return 0;
    }
    let five_prime = |place: &Placed| {
        let last = place.start + place.span() - 1;
        if place.reverse {
            last as i64
        } else {
            place.start as i64
        }
    };
    let distance = five_prime(second) - five_prime(first);
    distance + distance.signum()
}
