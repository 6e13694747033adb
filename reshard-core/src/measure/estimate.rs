//! From some pages to all: which pages are read, and what their rows say of the others.

use std::collections::BTreeMap;
use std::ops::Range;

use fash::Vnode;

/// Chooses each page with the same chance, independently of the others.
pub(super) struct PageSampler {
    share: Option<f64>,
    state: u64,
}

impl PageSampler {
    pub(super) fn new(share: Option<f64>, seed: u64, table: &str) -> Self {
        // Different pages in each table.
        let state = table.bytes().fold(seed, |state, byte| mixed(state ^ u64::from(byte)));
        Self { share, state }
    }

    /// The chosen ones of these pages; `None` for all of them.
    pub(super) fn chosen(&mut self, pages: Range<u64>) -> Option<Vec<u64>> {
        let share = self.share?;
        Some(pages.filter(|_| self.choose(share)).collect())
    }

    fn choose(&mut self, share: f64) -> bool {
        // SplitMix64, of whose 53 upper bits a number from 0 to 1 is made.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = mixed(self.state) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float has")]
        let number = bits as f64 / (1_u64 << 53) as f64;
        number < share
    }
}

fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The counts of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct TableCounts {
    share: Option<f64>,
    /// Rows, bytes, recent rows, and the sum over pages of the squares of rows.
    vnodes: BTreeMap<Vnode, [u64; 4]>,
    pub(super) without_vnode: u64,
    pub(super) without_mtime: u64,
}

impl TableCounts {
    pub(super) fn new(share: Option<f64>) -> Self {
        Self { share, ..Self::default() }
    }

    pub(super) fn add(&mut self, vnode: Vnode, counted: [u64; 4]) {
        let counts = self.vnodes.entry(vnode).or_default();
        for (count, more) in counts.iter_mut().zip(counted) {
            *count += more;
        }
    }

    /// The counts, scaled to all pages.
    pub(super) fn scaled(&self) -> BTreeMap<Vnode, [u64; 4]> {
        let scaled = |counts: &[u64; 4]| counts.map(|count| self.scale(count));
        self.vnodes.iter().map(|(vnode, counts)| (*vnode, scaled(counts))).collect()
    }

    pub(super) fn scale(&self, count: u64) -> u64 {
        let Some(share) = self.share else { return count };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate, and floats turn into integers saturating"
        )]
        let scaled = (count as f64 / share).round() as u64;
        scaled
    }

    /// The relative standard error of the rows of a vnode of mean size, all tables together.
    ///
    /// Each page is read with the chance p. With c for a vnode's rows of a page, the estimate of its rows is Σ c/p over
    /// the pages that were read, and that of the estimate's variance Σ c²·(1−p)/p² (Horvitz and Thompson).
    pub(super) fn relative_error(tables: &[Self], vnodes: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let sum = |of: fn(&[u64; 4]) -> u64, weight: fn(f64) -> f64| -> f64 {
            let table = |table: &Self| {
                let counted: u64 = table.vnodes.values().map(of).sum();
                counted as f64 * weight(table.share.unwrap_or(1.0))
            };
            tables.iter().map(table).sum()
        };
        let rows = sum(|[rows, ..]| *rows, |share| 1.0 / share);
        let variance = sum(|[.., squares]| *squares, |share| (1.0 - share) / (share * share));
        if rows <= 0.0 {
            return if tables.iter().any(|table| table.share.is_some()) { 1.0 } else { 0.0 };
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let vnodes = vnodes.max(1) as f64;
        // The mean vnode has 1/n of the rows and of the variance.
        (variance / vnodes).sqrt() / (rows / vnodes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sample_has_its_share_of_the_pages_and_is_the_same_again() {
        let chosen = |table: &str, seed: u64| {
            let mut sampler = PageSampler::new(Some(0.1), seed, table);
            let chunks = (0..100).map(|chunk| chunk * 1000..(chunk + 1) * 1000);
            chunks.filter_map(|pages| sampler.chosen(pages)).flatten().collect::<Vec<u64>>()
        };
        let pages = chosen("manta", 1);
        assert!((9_600..10_400).contains(&pages.len()), "{}", pages.len());
        assert!(pages.is_sorted() && pages.last().is_some_and(|page| *page < 100_000));
        assert_eq!(chosen("manta", 1), pages);
        assert_ne!(chosen("manta", 2), pages);
        assert_ne!(chosen("manta_uploads", 1), pages);
        assert_eq!(PageSampler::new(None, 0, "manta").chosen(3..9), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Whatever lies where, the estimate is as far from the truth as the error says.
        #[test]
        fn the_error_of_a_sample_is_what_it_says(
            together in 1u32..20,
            share in 0.05f64..0.9,
            seed in any::<u64>(),
        ) {
            // A vnode with so many rows on each of its pages.
            let pages = 4000_u32;
            let mut squares = 0.0;
            let mut said = 0.0;
            let runs = 60_u32;
            for run in 0..runs {
                let mut sampler = PageSampler::new(Some(share), seed ^ u64::from(run), "manta");
                let mut counts = TableCounts::new(Some(share));
                for _ in 0..pages {
                    if sampler.choose(share) {
                        let rows = u64::from(together);
                        counts.add(Vnode::new(0), [rows, 0, 0, rows * rows]);
                    }
                }
                let estimate = u32::try_from(counts.scaled()[&Vnode::new(0)][0]).unwrap();
                let (estimate, truth) = (f64::from(estimate), f64::from(pages * together));
                squares += ((estimate - truth) / truth).powi(2);
                said += TableCounts::relative_error(&[counts], 1) / f64::from(runs);
            }
            let seen = (squares / f64::from(runs)).sqrt();
            prop_assert!(seen < said * 1.5 && seen > said / 1.5, "said {said}, seen {seen}");
        }
    }
}
