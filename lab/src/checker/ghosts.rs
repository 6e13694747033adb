//! Rows at shards that do not own them. Where vnodes were moved they are left until somebody cleans up.

use super::check::{Check, NEVER_WRITTEN, at_row};
use super::history::ObjectHistory;
use super::{Ghosts, Row, Shard, ViolationKind};
use crate::load::log::{Action, Outcome};

impl Check<'_> {
    /// Judges a row at a shard that does not own it: whether it may be there, and whether it was ever written.
    pub(super) fn ghost(
        &mut self,
        shard: &Shard,
        row: &Row,
        vnode: u32,
        owner: &str,
        object: Option<&ObjectHistory>,
    ) {
        let is_moved = self.moved.contains(&vnode);
        if !self.may_haunt(shard, vnode, owner, is_moved) {
            let text = format!("the owner is {owner}");
            self.found.add(at_row(ViolationKind::Ghost, shard, row, vnode, text));
        }
        *self.found.ghosts.entry(vnode).or_default() += 1;
        self.found.checked.ghosts_of_moved += u64::from(is_moved);
        let text = match object {
            Some(object) if !self.was_written(object, row) => {
                "a ghost row with a value that was never written"
            }
            None if self.is_of_load(&row.key) => NEVER_WRITTEN,
            Some(_) | None => return,
        };
        self.found.add(at_row(ViolationKind::Phantom, shard, row, vnode, text.to_owned()));
    }

    fn may_haunt(&self, shard: &Shard, vnode: u32, owner: &str, is_moved: bool) -> bool {
        let owned = || {
            // Moves that were told of are not in the rings.
            let told = self.options.moved.is_some();
            let succession = self.rings.succession(vnode);
            is_moved && (told || succession.iter().any(|it| it.as_str() == shard.pnode))
        };
        match self.options.ghosts {
            Ghosts::Anywhere => true,
            Ghosts::OfMoved => owned(),
            Ghosts::OfSplits => {
                owned() || self.handovers.contains(&(owner.to_owned(), shard.pnode.clone()))
            }
            Ghosts::Nowhere => false,
        }
    }

    /// Tells whether a value was the object's at any time, or may have been.
    fn was_written(&self, object: &ObjectHistory, row: &Row) -> bool {
        let Some(id) = row.write else {
            let seed = object.seed.as_ref();
            return seed.is_some_and(|(etag, hash)| **etag == *row.etag && *hash == row.hash);
        };
        let mut writes = object.writes.iter();
        writes.any(|write| {
            let attempt = self.history.attempts.get(write.attempt);
            let outcome = attempt.and_then(|attempt| attempt.outcome.as_ref());
            write.id == id
                && write.action == Action::Put
                && !matches!(outcome, Some(Outcome::Refused { .. }))
        })
    }
}
