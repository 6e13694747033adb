//! The choice of the vnodes that go to each new shard.

use std::collections::{BTreeMap, HashMap};

use fash::{SelectError, Vnode, split_by_weight};

use super::{PlanError, Selection};
use crate::VnodeSet;
use crate::measure::Measurement;

/// The unit in which a vnode is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Rows,
    Bytes,
}

/// Divides the source's vnodes: a set for each new shard, in the order of the numbers. What is in none of them stays.
pub(super) fn select(
    selection: &Selection,
    source: &VnodeSet,
    numbers: &[u32],
    measurement: Option<&Measurement>,
) -> Result<Vec<VnodeSet>, PlanError> {
    let sets = match selection {
        Selection::Count => deal(source, numbers.len() + 1).split_off(1),
        Selection::Rows => by_weight(source, numbers.len(), &weights(measurement, Weight::Rows)?)?,
        Selection::Bytes => {
            by_weight(source, numbers.len(), &weights(measurement, Weight::Bytes)?)?
        }
        Selection::Listed(listed) => {
            check_subset(listed, source)?;
            deal(listed, numbers.len())
        }
        Selection::Shares(shares) => {
            by_shares(source, numbers, shares, &weights(measurement, Weight::Rows)?)?
        }
        Selection::Chosen(chosen) => chosen_sets(source, numbers, chosen)?,
    };
    for (set, number) in sets.iter().zip(numbers) {
        if set.is_empty() {
            return Err(PlanError::NothingMoves { number: *number });
        }
    }
    if sets.iter().map(VnodeSet::len).sum::<usize>() == source.len() {
        return Err(PlanError::NothingStays);
    }
    Ok(sets)
}

/// Deals the vnodes out like cards, so that each part has some from everywhere.
fn deal(vnodes: &VnodeSet, parts: usize) -> Vec<VnodeSet> {
    let part = |index| vnodes.iter().skip(index).step_by(parts.max(1)).collect();
    (0..parts).map(part).collect()
}

/// The weight of every vnode that has any.
pub(super) fn weights(
    measurement: Option<&Measurement>,
    weight: Weight,
) -> Result<HashMap<Vnode, u64>, PlanError> {
    let measurement = measurement.ok_or(PlanError::NotMeasured)?;
    let mut weights: HashMap<Vnode, u64> = HashMap::new();
    for counted in measurement.tables.iter().flat_map(|table| &table.vnodes) {
        let sum = weights.entry(counted.vnode).or_default();
        *sum = sum.saturating_add(match weight {
            Weight::Rows => counted.rows,
            Weight::Bytes => counted.bytes,
        });
    }
    Ok(weights)
}

/// Equal weights; the heaviest part stays, so that the least moves.
fn by_weight(
    source: &VnodeSet,
    new_shards: usize,
    weights: &HashMap<Vnode, u64>,
) -> Result<Vec<VnodeSet>, PlanError> {
    let weights = source.iter().filter_map(|vnode| Some((vnode, *weights.get(&vnode)?)));
    let split = split_by_weight(source.as_slice(), weights, new_shards + 1)?;
    Ok(split.parts.into_iter().skip(1).map(|part| part.vnodes.into_iter().collect()).collect())
}

/// The heaviest vnode first, each to the shard that lacks most of its share.
fn by_shares(
    source: &VnodeSet,
    numbers: &[u32],
    shares: &BTreeMap<u32, f64>,
    weights: &HashMap<Vnode, u64>,
) -> Result<Vec<VnodeSet>, PlanError> {
    check_numbers(numbers, shares.keys())?;
    let total: f64 = shares.values().sum();
    if shares.values().any(|share| !share.is_finite() || *share <= 0.0) || total >= 100.0 {
        return Err(PlanError::BadShares);
    }
    let mut weighted: Vec<(u64, Vnode)> =
        source.iter().map(|vnode| (weights.get(&vnode).copied().unwrap_or(0), vnode)).collect();
    weighted.sort_unstable_by_key(|&(weight, vnode)| (std::cmp::Reverse(weight), vnode));
    // Every vnode weighs a little more than it is measured, so that empty ones are shared out too.
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact to the last row")]
    let heaviness = |weight: u64| weight as f64 + 1e-3;
    let sum: f64 = weighted.iter().map(|&(weight, _)| heaviness(weight)).sum();
    // The source is the last.
    let rest = 100.0 - total;
    let mut lacking: Vec<f64> =
        shares.values().chain([&rest]).map(|share| sum * share / 100.0).collect();
    let mut sets: Vec<Vec<Vnode>> = vec![Vec::new(); lacking.len()];
    for (weight, vnode) in weighted {
        let most = lacking.iter_mut().zip(&mut sets).max_by(|a, b| a.0.total_cmp(b.0));
        let Some((lacks, set)) = most else { break };
        *lacks -= heaviness(weight);
        set.push(vnode);
    }
    sets.pop();
    Ok(sets.into_iter().map(|set| set.into_iter().collect()).collect())
}

fn chosen_sets(
    source: &VnodeSet,
    numbers: &[u32],
    chosen: &BTreeMap<u32, VnodeSet>,
) -> Result<Vec<VnodeSet>, PlanError> {
    check_numbers(numbers, chosen.keys())?;
    let mut taken: HashMap<Vnode, u32> = HashMap::new();
    for (number, set) in chosen {
        check_subset(set, source)?;
        for vnode in set.iter() {
            if let Some(first) = taken.insert(vnode, *number) {
                return Err(PlanError::ChosenTwice { vnode, first, second: *number });
            }
        }
    }
    Ok(chosen.values().cloned().collect())
}

fn check_numbers<'a>(
    numbers: &[u32],
    given: impl Iterator<Item = &'a u32>,
) -> Result<(), PlanError> {
    let given: Vec<u32> = given.copied().collect();
    let mut wanted = numbers.to_vec();
    wanted.sort_unstable();
    if given == wanted && wanted == numbers {
        return Ok(());
    }
    Err(PlanError::OtherNumbers { given, numbers: wanted })
}

fn check_subset(wanted: &VnodeSet, source: &VnodeSet) -> Result<(), PlanError> {
    match wanted.iter().find(|vnode| !source.contains(*vnode)) {
        Some(vnode) => Err(PlanError::Select(SelectError::NotAmongThem { vnode })),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::measure::{Method, TableMeasurement, VnodeMeasurement};

    fn measured(rows: &[u64]) -> Measurement {
        let vnodes = (0..).map(Vnode::new).zip(rows).map(|(vnode, &rows)| VnodeMeasurement {
            vnode,
            rows,
            bytes: rows * 1000,
            rows_of_last_day: 0,
        });
        let table = TableMeasurement {
            table: "manta".to_owned(),
            vnodes: vnodes.collect(),
            without_vnode: 0,
            without_mtime: 0,
        };
        Measurement {
            shard: "1.moray.lab.example.net".parse().unwrap(),
            taken: Timestamp::UNIX_EPOCH,
            method: Method::Exact,
            tables: vec![table],
        }
    }

    fn all(count: u32) -> VnodeSet {
        (0..count).map(Vnode::new).collect()
    }

    fn weight_of(set: &VnodeSet, rows: &[u64]) -> u64 {
        set.iter().map(|vnode| rows[vnode.index()]).sum()
    }

    #[test]
    fn by_count_every_part_is_spread_over_the_ring() {
        let sets = select(&Selection::Count, &all(10), &[3], None).unwrap();
        assert_eq!(sets.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1,3,5,7,9"]);
        let sets = select(&Selection::Count, &all(10), &[3, 4, 5], None).unwrap();
        assert_eq!(sets.iter().map(VnodeSet::len).collect::<Vec<_>>(), [3, 2, 2]);
    }

    #[test]
    fn without_a_measurement_there_are_no_rows() {
        let error = select(&Selection::Rows, &all(10), &[3], None).unwrap_err();
        assert!(matches!(error, PlanError::NotMeasured));
    }

    #[test]
    fn impossible_wishes_are_named() {
        let chosen = |sets: &[(u32, &str)]| {
            let sets = sets.iter().map(|(number, set)| (*number, set.parse().unwrap()));
            select(&Selection::Chosen(sets.collect()), &all(10), &[3, 4], None)
        };
        assert!(matches!(
            chosen(&[(3, "0-4"), (4, "4-6")]),
            Err(PlanError::ChosenTwice { first: 3, second: 4, .. })
        ));
        assert!(matches!(chosen(&[(3, "0-4"), (4, "5-9")]), Err(PlanError::NothingStays)));
        assert!(matches!(chosen(&[(3, "0"), (4, "")]), Err(PlanError::NothingMoves { number: 4 })));
        assert!(matches!(chosen(&[(3, "0")]), Err(PlanError::OtherNumbers { .. })));
        assert!(matches!(chosen(&[(3, "0"), (4, "10")]), Err(PlanError::Select(_))));
        let shares = Selection::Shares([(3, 60.0), (4, 40.0)].into());
        let result = select(&shares, &all(4), &[3, 4], Some(&measured(&[1, 1, 1, 1])));
        assert!(matches!(result, Err(PlanError::BadShares)));
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_of_the_source(
            rows in proptest::collection::vec(0u64..1000, 20..200),
            shards in 1u32..5,
            kind in 0..4,
        ) {
            let source = all(u32::try_from(rows.len()).unwrap());
            let numbers: Vec<u32> = (7..7 + shards).collect();
            let selection = match kind {
                0 => Selection::Count,
                1 => Selection::Rows,
                2 => Selection::Bytes,
                _ => Selection::Shares(
                    numbers.iter().map(|n| (*n, 90.0 / f64::from(shards))).collect(),
                ),
            };
            let Ok(sets) = select(&selection, &source, &numbers, Some(&measured(&rows))) else {
                // Few heavy vnodes may leave a shard without any.
                return Ok(());
            };
            prop_assert_eq!(sets.len(), numbers.len());
            let union: VnodeSet = sets.iter().flat_map(VnodeSet::iter).collect();
            prop_assert_eq!(union.len(), sets.iter().map(VnodeSet::len).sum::<usize>());
            prop_assert!(union.iter().all(|vnode| source.contains(vnode)));
            prop_assert!(union.len() < source.len());
        }

        #[test]
        fn shares_are_met_as_well_as_the_heaviest_vnode_allows(
            rows in proptest::collection::vec(1u64..1000, 50..200),
            share in 10.0f64..80.0,
        ) {
            let source = all(u32::try_from(rows.len()).unwrap());
            let selection = Selection::Shares([(7, share)].into());
            let sets = select(&selection, &source, &[7], Some(&measured(&rows))).unwrap();
            let total: u64 = rows.iter().sum();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let off = (weight_of(&sets[0], &rows) as f64 - total as f64 * share / 100.0).abs();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let heaviest = *rows.iter().max().unwrap() as f64;
            prop_assert!(off <= heaviest + 1.0, "{off} of {total}, heaviest {heaviest}");
        }
    }
}
