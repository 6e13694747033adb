//! Splitting vnodes into parts of nearly equal weight.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::id::Vnode;
use crate::skew::skew;

use super::SelectError;

/// How many vnodes the improvement looks at before it settles for what it has: a fraction of a second's work.
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
    let mut emptiest: BinaryHeap<_> = shares
        .iter_mut()
        .enumerate()
        .map(|(index, share)| (Reverse(share.items.len()), Reverse(index)))
        .collect();
    for item in items {
        let Some(mut top) = emptiest.peek_mut() else { break };
        let (Reverse(count), Reverse(index)) = &mut *top;
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
