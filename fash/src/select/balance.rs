//! Splitting vnodes into parts of nearly equal weight.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::id::Vnode;
use crate::skew::skew;

use super::SelectError;

/// The number of vnodes that the improvement looks at before it settles for what it has: a fraction of a second's work.
const IMPROVEMENT_BUDGET: usize = 50_000_000;

/// Vnodes in parts of nearly equal weight.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Split {
    /// The parts, the heaviest first. That one stays where it is, so that the least moves.
    pub parts: Vec<Part>,
    /// The heaviest part's weight over the mean weight: 1 is perfectly even.
    pub skew: f64,
}

/// One part of a [`Split`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// The sum of the vnodes' weights.
    pub weight: u64,
    /// The vnodes, ascending.
    pub vnodes: Vec<Vnode>,
}

/// Splits vnodes into parts whose weights differ as little as can be found quickly.
///
/// A weight is whatever is to be spread: rows, bytes, requests. A vnode that is given several weights has their sum; a
/// vnode without one weighs nothing, and such vnodes go where there are the fewest vnodes. Weights of vnodes that are
/// not to be split are ignored. The same input always gives the same parts.
///
/// The method is the greedy one for scheduling, longest job first, and then as long as it helps an exchange that
/// brings the heaviest or the lightest part nearer to another one.
///
/// # Errors
///
/// [`SelectError`] if there are fewer than two parts, or fewer vnodes than parts, or a vnode is given twice, or the
/// weights overflow.
pub fn split_by_weight(
    vnodes: &[Vnode],
    weights: impl IntoIterator<Item = (Vnode, u64)>,
    parts: usize,
) -> Result<Split, SelectError> {
    if parts < 2 {
        return Err(SelectError::TooFewParts { parts });
    }
    if vnodes.len() < parts {
        return Err(SelectError::TooFewVnodes { wanted: parts, available: vnodes.len() });
    }
    let mut items = weighted(vnodes, weights)?;
    items.sort_unstable_by_key(|item| (Reverse(item.weight), item.vnode));
    let weightless = items.split_off(items.partition_point(|item| item.weight > 0));

    let mut shares = spread(items, parts);
    improve(&mut shares);
    add_weightless(&mut shares, weightless);
    Ok(split(shares))
}

/// A vnode and its weight.
#[derive(Clone, Copy)]
struct Item {
    weight: u64,
    vnode: Vnode,
}

/// A part while it is made: the items are kept heaviest first.
#[derive(Clone, Default)]
struct Share {
    weight: u64,
    items: Vec<Item>,
}

fn weighted(
    vnodes: &[Vnode],
    weights: impl IntoIterator<Item = (Vnode, u64)>,
) -> Result<Vec<Item>, SelectError> {
    let mut items: HashMap<Vnode, u64> = HashMap::with_capacity(vnodes.len());
    for &vnode in vnodes {
        if items.insert(vnode, 0).is_some() {
            return Err(SelectError::DuplicateVnode { vnode });
        }
    }
    let mut total: u64 = 0;
    for (vnode, weight) in weights {
        if let Some(sum) = items.get_mut(&vnode) {
            total = total.checked_add(weight).ok_or(SelectError::WeightsTooLarge)?;
            *sum += weight;
        }
    }
    Ok(items.into_iter().map(|(vnode, weight)| Item { weight, vnode }).collect())
}

/// Gives each item, heaviest first, to the share that is lightest so far, and of equals to the one with fewest items.
fn spread(items: Vec<Item>, parts: usize) -> Vec<Share> {
    let mut shares = vec![Share::default(); parts];
    let mut lightest: BinaryHeap<_> = (0..parts).map(|index| Reverse((0, 0, index))).collect();
    for item in items {
        let Some(mut top) = lightest.peek_mut() else { break };
        let Reverse((weight, count, index)) = &mut *top;
        *weight += item.weight;
        *count += 1;
        if let Some(share) = shares.get_mut(*index) {
            share.weight = *weight;
            share.items.push(item);
        }
    }
    shares
}

/// Exchanges items as long as that brings the heaviest share and another one, or the lightest and another one, nearer
/// to each other. Every exchange lowers the sum of the squared weights, so there is an end.
fn improve(shares: &mut [Share]) {
    let mut budget = IMPROVEMENT_BUDGET;
    loop {
        shares.sort_by_key(|share| Reverse(share.weight));
        let last = shares.len() - 1;
        let heaviest_with = (1..=last).rev().map(|other| (0, other));
        let lightest_with = (1..last).map(|other| (other, last));
        let improved = heaviest_with.chain(lightest_with).any(|(heavy, light)| {
            let Ok([heavy, light]) = shares.get_disjoint_mut([heavy, light]) else { return false };
            budget = budget.saturating_sub(heavy.items.len() + light.items.len());
            budget > 0 && exchange(heavy, light)
        });
        if !improved {
            break;
        }
    }
}

/// Moves an item from the heavy share to the light one, against a lighter item or none, such that their weights come
/// as near to each other as one exchange can bring them. Tells whether there is such an exchange.
fn exchange(heavy: &mut Share, light: &mut Share) -> bool {
    let gap = heavy.weight - light.weight;
    let mut best: Option<(u128, usize, usize)> = None;
    let mut at = 0;
    for (given, item) in heavy.items.iter().enumerate() {
        // The weight that the item should be exchanged for; it falls from item to item.
        let wanted = item.weight.saturating_sub(gap / 2);
        while light.items.get(at).is_some_and(|item| item.weight > wanted) {
            at += 1;
        }
        // The nearest weights are those on both sides of it; behind the last item there is the weight of none.
        for taken in at.checked_sub(1).into_iter().chain([at]) {
            let taken_weight = light.items.get(taken).map_or(0, |item| item.weight);
            let Some(shift) = item.weight.checked_sub(taken_weight) else { continue };
            let left = u128::from(gap).abs_diff(2 * u128::from(shift));
            if 0 < shift && shift < gap && best.is_none_or(|(least, ..)| left < least) {
                best = Some((left, given, taken));
            }
        }
    }
    let Some((_, given, taken)) = best else { return false };
    let given = heavy.remove(given);
    let taken = (taken < light.items.len()).then(|| light.remove(taken));
    light.insert(given);
    if let Some(taken) = taken {
        heavy.insert(taken);
    }
    true
}

impl Share {
    fn remove(&mut self, index: usize) -> Item {
        let item = self.items.remove(index);
        self.weight -= item.weight;
        item
    }

    fn insert(&mut self, item: Item) {
        let index = self.items.partition_point(|known| known.weight > item.weight);
        self.items.insert(index, item);
        self.weight += item.weight;
    }
}

/// Gives the items without weight to the shares with the fewest items.
fn add_weightless(shares: &mut [Share], items: Vec<Item>) {
    let counts = shares.iter().map(|share| share.items.len());
    let mut emptiest: BinaryHeap<_> = counts.zip(0..).map(Reverse).collect();
    for item in items {
        let Some(mut top) = emptiest.peek_mut() else { break };
        let Reverse((count, index)) = &mut *top;
        *count += 1;
        if let Some(share) = shares.get_mut(*index) {
            share.items.push(item);
        }
    }
}

fn split(shares: Vec<Share>) -> Split {
    let mut parts: Vec<Part> = shares
        .into_iter()
        .map(|Share { weight, items }| {
            let mut vnodes: Vec<Vnode> = items.into_iter().map(|item| item.vnode).collect();
            vnodes.sort_unstable();
            Part { weight, vnodes }
        })
        .collect();
    parts.sort_by_key(|part| {
        (Reverse(part.weight), Reverse(part.vnodes.len()), part.vnodes.first().copied())
    });
    Split { skew: skew(parts.iter().map(|part| part.weight)), parts }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(weights: &[u64]) -> (Vec<Vnode>, Vec<(Vnode, u64)>) {
        let weights: Vec<_> = (0..).map(Vnode::new).zip(weights.iter().copied()).collect();
        (weights.iter().map(|(vnode, _)| *vnode).collect(), weights)
    }

    fn parts_of(weights: &[u64], parts: usize) -> Vec<Part> {
        let (vnodes, weights) = numbered(weights);
        split_by_weight(&vnodes, weights, parts).unwrap().parts
    }

    #[test]
    fn an_even_split_is_found_where_the_greedy_one_is_not_even() {
        // Greedy: 8 + 5 + 4 against 7 + 6.
        let parts = parts_of(&[8, 7, 6, 5, 4], 2);
        assert_eq!(parts.iter().map(|part| part.weight).collect::<Vec<_>>(), [15, 15]);
        let parts = parts_of(&[3, 3, 2, 2, 2], 2);
        assert_eq!(parts.iter().map(|part| part.weight).collect::<Vec<_>>(), [6, 6]);
    }

    #[test]
    fn vnodes_without_weight_even_out_the_counts() {
        let mut weights = vec![0; 1000];
        weights[500] = 7;
        let parts = parts_of(&weights, 3);
        let [first, ..] = &*parts else { panic!("no parts") };
        assert!(first.weight == 7 && first.vnodes.contains(&Vnode::new(500)));
        let mut counts: Vec<usize> = parts.iter().map(|part| part.vnodes.len()).collect();
        counts.sort_unstable();
        assert_eq!(counts, [333, 333, 334]);
    }

    #[test]
    fn several_weights_of_a_vnode_add_up_and_foreign_ones_do_not_count() {
        let vnodes = [3, 5].map(Vnode::new);
        let weights = [(vnodes[0], 2), (Vnode::new(9), u64::MAX), (vnodes[0], 3), (vnodes[1], 4)];
        let split = split_by_weight(&vnodes, weights, 2).unwrap();
        assert_eq!(split.parts[0], Part { weight: 5, vnodes: vec![vnodes[0]] });
        assert!((split.skew - 5.0 / 4.5).abs() < 1e-12);
    }

    #[test]
    fn impossible_splits_are_refused() {
        let (vnodes, weights) = numbered(&[u64::MAX, 1]);
        let split = |vnodes: &[Vnode], parts| split_by_weight(vnodes, weights.clone(), parts);
        assert_eq!(split(&vnodes, 1), Err(SelectError::TooFewParts { parts: 1 }));
        let too_few = SelectError::TooFewVnodes { wanted: 3, available: 2 };
        assert_eq!(split(&vnodes, 3), Err(too_few));
        assert_eq!(split(&vnodes, 2), Err(SelectError::WeightsTooLarge));
        let vnode = vnodes[0];
        assert_eq!(split(&[vnode, vnode], 2), Err(SelectError::DuplicateVnode { vnode }));
    }

    proptest! {
        #[test]
        fn parts_hold_every_vnode_once_and_differ_by_one_vnode_at_most(
            weights in prop::collection::vec(prop_oneof![0..10_u64, 0..1_000_000_u64], 5..200),
            parts in 2..=5_usize,
        ) {
            let (vnodes, mut given) = numbered(&weights);
            let split = split_by_weight(&vnodes, given.clone(), parts).unwrap();
            prop_assert_eq!(split.parts.len(), parts);
            let mut all: Vec<Vnode> = split.parts.iter().flat_map(|part| part.vnodes.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(&all, &vnodes);
            for part in &split.parts {
                let sum = part.vnodes.iter().map(|vnode| weights[vnode.index()]).sum::<u64>();
                prop_assert_eq!(part.weight, sum);
                prop_assert!(part.vnodes.is_sorted());
            }
            prop_assert!(split.parts.is_sorted_by_key(|part| Reverse(part.weight)));
            let [first, .., last] = &*split.parts else { panic!("fewer than two parts") };
            prop_assert!(first.weight - last.weight <= weights.iter().copied().max().unwrap());
            given.reverse();
            let mut reversed = vnodes;
            reversed.reverse();
            prop_assert_eq!(split_by_weight(&reversed, given, parts).unwrap(), split);
        }

        /// Longest job first is never more than a sixth above the best two parts.
        #[test]
        fn two_parts_are_close_to_the_best(weights in prop::collection::vec(0..100_u64, 2..10)) {
            let heaviest = parts_of(&weights, 2)[0].weight;
            let total: u64 = weights.iter().sum();
            let best = (0..1_u32 << weights.len()).map(|chosen| {
                let in_part = weights.iter().zip(0..).filter(|(_, bit)| chosen >> bit & 1 == 1);
                let part: u64 = in_part.map(|(weight, _)| weight).sum();
                part.max(total - part)
            });
            prop_assert!(6 * heaviest <= 7 * best.min().unwrap());
        }
    }
}
