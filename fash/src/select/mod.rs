//! Choosing which of a pnode's vnodes go elsewhere when it is split.

mod balance;

use std::collections::HashSet;

use crate::id::Vnode;

pub use balance::{Part, Split, split_by_weight};

/// The vnodes cannot be chosen as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The step would choose every vnode.
    #[error("a step of {step} chooses every vnode: it must be at least 2")]
    StepTooSmall {
        /// The step.
        step: usize,
    },
    /// More vnodes or parts are asked for than there are vnodes.
    #[error("{wanted} cannot be taken from {available} vnodes")]
    TooFewVnodes {
        /// The number that is asked for.
        wanted: usize,
        /// The number of vnodes that there are.
        available: usize,
    },
    /// Nothing would be chosen.
    #[error("no vnodes are chosen")]
    NoVnodes,
    /// A vnode is given twice.
    #[error("vnode {vnode} is given more than once")]
    DuplicateVnode {
        /// The vnode.
        vnode: Vnode,
    },
    /// A vnode that is asked for is not among those to choose from.
    #[error("vnode {vnode} is not among the vnodes to choose from")]
    NotAmongThem {
        /// The vnode.
        vnode: Vnode,
    },
    /// A split has at least two parts.
    #[error("vnodes cannot be split into {parts} parts: there must be at least 2")]
    TooFewParts {
        /// The number of parts.
        parts: usize,
    },
    /// The weights add up to more than can be counted.
    #[error("the weights add up to more than {max}: use a larger unit", max = u64::MAX)]
    WeightsTooLarge,
}

/// Every `step`th of the vnodes, beginning with the first. manta-reshard takes every second one.
///
/// # Errors
///
/// [`SelectError`] if the step is below 2 or there are no vnodes.
pub fn choose_every(vnodes: &[Vnode], step: usize) -> Result<Vec<Vnode>, SelectError> {
    if step < 2 {
        return Err(SelectError::StepTooSmall { step });
    }
    if vnodes.is_empty() {
        return Err(SelectError::NoVnodes);
    }
    Ok(vnodes.iter().copied().step_by(step).collect())
}

/// The first `wanted` of the vnodes.
///
/// # Errors
///
/// [`SelectError`] if none is wanted or there are fewer.
pub fn choose_first(vnodes: &[Vnode], wanted: usize) -> Result<Vec<Vnode>, SelectError> {
    match vnodes.get(..wanted) {
        None => Err(SelectError::TooFewVnodes { wanted, available: vnodes.len() }),
        Some([]) => Err(SelectError::NoVnodes),
        Some(first) => Ok(first.to_vec()),
    }
}

/// The `wanted` vnodes, in their order, if all of them are among the vnodes.
///
/// # Errors
///
/// [`SelectError`] if none is wanted, or one is wanted twice or not among the vnodes.
pub fn choose_listed(vnodes: &[Vnode], wanted: &[Vnode]) -> Result<Vec<Vnode>, SelectError> {
    if wanted.is_empty() {
        return Err(SelectError::NoVnodes);
    }
    let available: HashSet<Vnode> = vnodes.iter().copied().collect();
    let mut seen = HashSet::new();
    for &vnode in wanted {
        if !available.contains(&vnode) {
            return Err(SelectError::NotAmongThem { vnode });
        }
        if !seen.insert(vnode) {
            return Err(SelectError::DuplicateVnode { vnode });
        }
    }
    Ok(wanted.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vnodes(numbers: &[u32]) -> Vec<Vnode> {
        numbers.iter().copied().map(Vnode::new).collect()
    }

    #[test]
    fn every_second_vnode_begins_with_the_first() {
        let all = vnodes(&[1, 4, 7, 10, 13]);
        assert_eq!(choose_every(&all, 2), Ok(vnodes(&[1, 7, 13])));
        assert_eq!(choose_every(&all, 9), Ok(vnodes(&[1])));
        assert_eq!(choose_every(&all, 1), Err(SelectError::StepTooSmall { step: 1 }));
        assert_eq!(choose_every(&[], 2), Err(SelectError::NoVnodes));
    }

    #[test]
    fn the_first_vnodes_must_exist() {
        let all = vnodes(&[1, 4, 7]);
        assert_eq!(choose_first(&all, 2), Ok(vnodes(&[1, 4])));
        let too_few = SelectError::TooFewVnodes { wanted: 4, available: 3 };
        assert_eq!(choose_first(&all, 4), Err(too_few));
        assert_eq!(choose_first(&all, 0), Err(SelectError::NoVnodes));
    }

    #[test]
    fn listed_vnodes_must_be_there_once() {
        let all = vnodes(&[1, 4, 7]);
        assert_eq!(choose_listed(&all, &vnodes(&[7, 1])), Ok(vnodes(&[7, 1])));
        let vnode = Vnode::new(2);
        assert_eq!(choose_listed(&all, &[vnode]), Err(SelectError::NotAmongThem { vnode }));
        let vnode = Vnode::new(1);
        let twice = choose_listed(&all, &[vnode, vnode]);
        assert_eq!(twice, Err(SelectError::DuplicateVnode { vnode }));
        assert_eq!(choose_listed(&all, &[]), Err(SelectError::NoVnodes));
    }
}
