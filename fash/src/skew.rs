//! A measure of how unevenly something is spread.

/// The heaviest load over the mean load: 1 is perfectly even. No load at all is even too.
#[expect(clippy::cast_precision_loss, reason = "a ratio to look at needs no more than 53 bits")]
pub(crate) fn skew(loads: impl ExactSizeIterator<Item = u64> + Clone) -> f64 {
    let count = loads.len() as f64;
    let total: u128 = loads.clone().map(u128::from).sum();
    let heaviest = loads.max().unwrap_or(0);
    if total == 0 { 1.0 } else { heaviest as f64 * count / total as f64 }
}
