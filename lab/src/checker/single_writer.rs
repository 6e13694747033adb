//! Checks that at every instant at most one shard took the writes of a vnode.
//!
//! An acknowledged write took effect at some instant between its start and its end. The owner of a vnode changes at
//! some instants. The question is how often it must have changed at least, for every write to have taken effect at the
//! shard that owned the vnode then: a clean handover is one change.

/// A write that was acknowledged by a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) pnode: usize,
    pub(super) attempt: usize,
}

/// The first write that shows that the owner changed more often than `allowed`, where only two shards have taken
/// writes.
///
/// Changing as late as possible is best: the old owner can explain more, and the new one not less.
pub(super) fn one_change_too_many(writes: &[Acknowledged], allowed: usize) -> Option<Acknowledged> {
    let mut by_end = writes.to_vec();
    by_end.sort_by_key(|write| (write.end, write.start));
    let mut first_owners: Vec<usize> = by_end.iter().map(|write| write.pnode).collect();
    first_owners.sort_unstable();
    first_owners.dedup();
    let mut found = None;
    for owner in first_owners {
        match excess(&by_end, owner, allowed) {
            None => return None,
            excess => found = excess.or(found),
        }
    }
    found
}

fn excess(by_end: &[Acknowledged], first: usize, allowed: usize) -> Option<Acknowledged> {
    let (mut owner, mut since) = (first, 0);
    // The last time of the owner before this one, and when it ended: what began before then is explained by it.
    let mut before: Option<u64> = None;
    let mut changes = 0;
    for write in by_end {
        let explained = if write.pnode == owner {
            write.end >= since
        } else {
            // There are two owners, so the other one was in force before `since`.
            before.is_some_and(|until| write.start <= until)
        };
        if explained {
            continue;
        }
        changes += 1;
        if changes > allowed {
            return Some(*write);
        }
        // At the last instant at which this write can have taken effect.
        (before, since, owner) = (Some(write.end), write.end, write.pnode);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(of: &[(usize, u64, u64)]) -> Vec<Acknowledged> {
        let write = |(attempt, &(pnode, start, end)): (usize, &(usize, u64, u64))| Acknowledged {
            start,
            end,
            pnode,
            attempt,
        };
        of.iter().enumerate().map(write).collect()
    }

    /// The least number of changes that explains the writes.
    fn changes(of: &[(usize, u64, u64)]) -> usize {
        (0..100).find(|allowed| one_change_too_many(&writes(of), *allowed).is_none()).unwrap()
    }

    #[test]
    fn a_handover_is_one_change() {
        assert_eq!(changes(&[]), 0);
        assert_eq!(changes(&[(1, 0, 5), (1, 2, 9)]), 0);
        assert_eq!(changes(&[(1, 0, 5), (1, 2, 9), (2, 10, 11), (2, 12, 13)]), 1);
        // At the same time, but each can have been on its side.
        assert_eq!(changes(&[(1, 0, 10), (2, 5, 15), (1, 7, 12)]), 1);
        assert_eq!(changes(&[(1, 5, 10), (2, 0, 12), (1, 13, 20)]), 1);
        assert_eq!(changes(&[(1, 0, 1), (2, 2, 3), (1, 4, 5)]), 2);
        let excess = one_change_too_many(&writes(&[(1, 0, 1), (2, 2, 3), (1, 4, 5)]), 1);
        assert!(excess.is_some());
        // A write that took long enough to be of either time.
        assert_eq!(changes(&[(1, 0, 1), (2, 2, 3), (1, 0, 5), (2, 6, 7)]), 1);
    }

    proptest::proptest! {
        /// Against trying all successions of owners at all instants.
        #[test]
        fn the_number_of_changes_is_the_least(
            of in proptest::collection::vec((0..2_usize, 0..6_u64, 0..4_u64), 0..7)
        ) {
            let of: Vec<_> = of.into_iter().map(|(pnode, start, length)| (pnode, start, start + length)).collect();
            // Time is cut into instants; several changes can be in one, so each has room for four owners.
            let least = (0..=20_usize).find(|changes| {
                [0, 1].iter().any(|first| explained(&of, *first, *changes, 0))
            });
            proptest::prop_assert_eq!(Some(changes(&of)), least);
        }
    }

    /// Tells whether some succession beginning with `owner` at time `from` explains the writes in so many changes.
    fn explained(of: &[(usize, u64, u64)], owner: usize, changes: usize, from: u64) -> bool {
        if changes == 0 {
            return of.iter().all(|(pnode, _, end)| *pnode == owner && *end >= from);
        }
        (from..=10).any(|until| {
            let left: Vec<_> = of
                .iter()
                .copied()
                .filter(|(pnode, start, end)| !(*pnode == owner && *start <= until && *end >= from))
                .collect();
            explained(&left, 1 - owner, changes - 1, until)
        })
    }
}
