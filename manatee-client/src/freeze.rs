//! Freezing a shard, and unfreezing it only if the freeze is one's own.
//!
//! A frozen shard has no takeovers and no new syncs. Asyncs come and go even then, and promotions among asyncs happen.

use crate::freeze_mark::Freeze;
use crate::shard::{Shard, ShardError};
use crate::state::ClusterState;

/// The outcome of freezing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// The shard was free and is frozen now.
    Now,
    /// The same owner had frozen it before; that freeze stays as it is.
    Already,
}

/// The outcome of unfreezing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfrozen {
    /// The shard was frozen by this owner and is free now.
    Now,
    /// It was not frozen.
    Already,
}

impl Shard {
    /// Freezes the shard for an owner, e.g. a plan's UUID. The reason is what manatee-adm shows.
    ///
    /// # Errors
    ///
    /// [`ShardError::FrozenByOther`] if it is frozen and not by this owner; as [`Shard::update`].
    pub async fn freeze(
        &self,
        date: jiff::Timestamp,
        reason: &str,
        owner: &str,
    ) -> Result<Frozen, ShardError> {
        let mut outcome = Frozen::Already;
        self.update(|state| {
            let Some(freeze) = &state.freeze else {
                outcome = Frozen::Now;
                let mark = Freeze::new(date, reason, owner);
                return Ok(Some(ClusterState { freeze: Some(mark), ..state.clone() }));
            };
            outcome = Frozen::Already;
            self.own(freeze, owner).map(|()| None)
        })
        .await?;
        Ok(outcome)
    }

    /// Lifts the freeze if this owner set it. Looking and lifting are one step: nobody else's freeze can slip in between.
    ///
    /// # Errors
    ///
    /// [`ShardError::FrozenByOther`] if somebody else, an operator or a sitter set it; as [`Shard::update`].
    pub async fn unfreeze(&self, owner: &str) -> Result<Unfrozen, ShardError> {
        let mut outcome = Unfrozen::Already;
        self.update(|state| {
            let Some(freeze) = &state.freeze else {
                outcome = Unfrozen::Already;
                return Ok(None);
            };
            self.own(freeze, owner)?;
            outcome = Unfrozen::Now;
            Ok(Some(ClusterState { freeze: None, ..state.clone() }))
        })
        .await?;
        Ok(outcome)
    }

    fn own(&self, freeze: &Freeze, owner: &str) -> Result<(), ShardError> {
        if freeze.owner() == Some(owner) {
            return Ok(());
        }
        Err(ShardError::FrozenByOther {
            shard: self.name().clone(),
            owner: freeze.owner().map(str::to_owned),
            reason: freeze.shown().1,
        })
    }
}
