//! A cutover of a move: forth to the new shard, or back to the source.

use std::collections::BTreeMap;

use manatee_client::{PgEndpoint, ShardName};

use super::moves::{GuardedMove, identity, primary};
use crate::guard::{Identity, MoveState, look};
use crate::journal::Fact;
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::phases::facts::{FOLLOWED, FOLLOWED_BACK};

/// A cutover of a move.
#[derive(Clone, Copy)]
pub(super) struct Leg<'a> {
    pub(super) one: GuardedMove<'a>,
    /// The shard that has the vnodes before.
    pub(super) from: &'a ShardName,
    /// The shard that has them afterwards.
    pub(super) to: &'a ShardName,
    is_back: bool,
}

/// The ends of a cutover as they are now.
pub(super) struct Ends {
    pub(super) from: PgEndpoint,
    pub(super) to: PgEndpoint,
    pub(super) identities: [Identity; 2],
}

impl<'a> Leg<'a> {
    /// To the new shard.
    pub(super) fn forth(context: &'a Context, one: GuardedMove<'a>) -> Self {
        Self { one, from: context.plan().source(), to: &one.target.name, is_back: false }
    }

    /// From the new shard.
    pub(super) fn back(context: &'a Context, one: GuardedMove<'a>) -> Self {
        Self { one, from: &one.target.name, to: context.plan().source(), is_back: true }
    }

    /// Tells whether the vnodes go back to the source.
    pub(super) fn is_back(self) -> bool {
        self.is_back
    }

    fn fact(self) -> Fact<BTreeMap<ShardName, [Identity; 2]>> {
        if self.is_back { FOLLOWED_BACK } else { FOLLOWED }
    }

    /// The databases whose rows were compared; `None` before.
    pub(super) async fn followed(
        self,
        context: &Context,
    ) -> Result<Option<[Identity; 2]>, PhaseError> {
        let followed = context.get(&self.fact()).await?.unwrap_or_default();
        Ok(followed.get(&self.one.target.name).copied())
    }

    /// Remembers the databases whose rows were compared.
    pub(super) async fn remember(self, context: &Context, ends: &Ends) -> Result<(), PhaseError> {
        let mut followed = context.get(&self.fact()).await?.unwrap_or_default();
        followed.insert(self.one.target.name.clone(), ends.identities);
        context.put(&self.fact(), &followed).await
    }

    /// The state of the move at the shard that gets the vnodes.
    pub(super) async fn state_at_target(
        self,
        context: &Context,
    ) -> Result<Option<MoveState>, PhaseError> {
        let found = look(&primary(context, self.to).await?, self.one.number).await;
        let failed = format!("{} cannot be asked how its move stands", self.to);
        Ok(found.or_phase_error(failed)?.map(|found| found.state))
    }

    /// The ends as they are now.
    pub(super) async fn ends(self, context: &Context) -> Result<Ends, PhaseError> {
        let (from, to) = (primary(context, self.from).await?, primary(context, self.to).await?);
        let identities =
            [identity(context, self.from, &from).await?, identity(context, self.to, &to).await?];
        let (from, to) = (from.endpoint().clone(), to.endpoint().clone());
        Ok(Ends { from, to, identities })
    }
}
