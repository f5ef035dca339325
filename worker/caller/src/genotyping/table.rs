//! All genotypes of so many alleles, in the order of VCF: (0,0) (0,1) (1,1) (0,2) …

/// A genotype as its distinct alleles, ascending, each with its number of copies.
pub type Genotype = Vec<(usize, usize)>;

/// The genotypes of a ploidy over some alleles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenotypeTable {
    /// The genotypes by index.
    pub genotypes: Vec<Genotype>,
    ploidy: usize,
}

impl GenotypeTable {
    /// Lists the genotypes; both counts are at least 1.
    pub fn new(ploidy: usize, alleles: usize) -> Self {
        let mut copies = vec![0; ploidy];
        let mut genotypes = Vec::new();
        loop {
            genotypes.push(counted(&copies));
            let Some(place) = (0..ploidy).find(|&i| i + 1 == ploidy || copies[i] < copies[i + 1])
            else {
                break;
            };
            copies[place] += 1;
            if copies[place] == alleles {
                break;
            }
            copies[..place].fill(0);
        }
        Self { genotypes, ploidy }
    }

    /// Returns the index of the genotype with these copies, given as ascending alleles.
    pub fn index(copies: &[usize]) -> usize {
        let term = |(place, &allele): (usize, &usize)| choose(allele + place, place + 1);
        copies.iter().enumerate().map(term).sum()
    }

    /// Returns the alleles of a genotype, ascending, one a copy.
    pub fn copies(&self, index: usize) -> Vec<usize> {
        let expand = |&(allele, count): &(usize, usize)| std::iter::repeat_n(allele, count);
        self.genotypes[index].iter().flat_map(expand).collect()
    }

    /// Returns for each genotype of the `kept` alleles its index here.
    pub fn subset(&self, kept: &[usize]) -> Vec<usize> {
        let smaller = Self::new(self.ploidy, kept.len());
        (0..smaller.genotypes.len())
            .map(|index| {
                let mut copies: Vec<usize> = smaller
                    .copies(index)
                    .into_iter()
                    .map(|allele| kept[allele])
                    .collect();
                copies.sort_unstable();
                Self::index(&copies)
            })
            .collect()
    }

    /// Returns the number of copies in each genotype.
    pub const fn ploidy(&self) -> usize {
        self.ploidy
    }
}

/// Returns the most alleles that give at most so many genotypes.
pub fn most_alleles(ploidy: usize, genotypes: usize) -> usize {
    let fits = |&alleles: &usize| choose(alleles + ploidy - 1, ploidy) <= genotypes;
    (2..).take_while(fits).last().unwrap_or(1)
}

fn counted(copies: &[usize]) -> Genotype {
    copies
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len()))
        .collect()
}

fn choose(n: usize, k: usize) -> usize {
    (0..k).fold(1, |product, i| product * (n - i) / (i + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_vcf() {
        let diploid = GenotypeTable::new(2, 3);
        let copies: Vec<_> = (0..6).map(|index| diploid.copies(index)).collect();
        assert_eq!(copies, [[0, 0], [0, 1], [1, 1], [0, 2], [1, 2], [2, 2]]);
        for ploidy in 1..5 {
            let table = GenotypeTable::new(ploidy, 4);
            assert_eq!(table.genotypes.len(), choose(3 + ploidy, ploidy));
            for index in 0..table.genotypes.len() {
                assert_eq!(GenotypeTable::index(&table.copies(index)), index);
            }
        }
    }

    #[test]
    fn subsets_point_back() {
        assert_eq!(GenotypeTable::new(2, 3).subset(&[0, 2]), [0, 3, 5]);
        assert_eq!(
            GenotypeTable::new(2, 3).subset(&[0, 2, 1]),
            [0, 3, 5, 1, 4, 2]
        );
        assert_eq!(GenotypeTable::new(1, 3).subset(&[2]), [2]);
    }

    #[test]
    fn alleles_are_limited_by_their_genotypes() {
        assert_eq!(most_alleles(2, 1024), 44);
        assert_eq!(most_alleles(1, 1024), 1024);
    }
}
