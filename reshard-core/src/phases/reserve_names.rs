//! Reserves the names of the new shards, so that no other plan takes them.
//!
//! * Reads: the locks in `/manta_reshard/shards` in ZooKeeper.
//! * Writes: a lock there for each new shard.
//! * Done when: the plan has them all.
//! * Undo: gives them back.
//! * Pause: before it begins.

use async_trait::async_trait;
use manatee_client::LockError;

use super::reserve_ring::give_back;
use super::unneeded::new_shards_gone;
use crate::hint::{Operation, hint};
use crate::owner::Owner;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::reservation::Reservation;

/// Reserves the names of the new shards.
pub struct ReserveNames;

#[async_trait]
impl Phase for ReserveNames {
    fn name(&self) -> &'static str {
        "reserve-names"
    }

    fn about(&self) -> About {
        About {
            title: "reserve the names of the new shards",
            rfd103: "",
            reads: "the locks in /manta_reshard/shards in ZooKeeper",
            writes: "a lock there for each new shard",
            done_when: "the plan has them all",
            undo: "they are given back",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for target in context.plan().targets() {
            let name = &target.name;
            let reserve = async {
                let (plan, now) = (context.plan().uuid, context.now());
                let taken = Reservation::Name(name).take(context.deployment(), plan, now).await;
                let other_numbers = || {
                    hint!(
                        "if another plan has it: ",
                        Operation::Abort,
                        ", and make a new plan, which takes other numbers"
                    )
                };
                if let Err(LockError::Held { record, .. } | LockError::Abandoned { record, .. }) =
                    &taken
                    && let Some(owner) = Owner::of(context.deployment(), record).await
                {
                    let what = format!("the name {name} cannot be reserved: it is kept by {owner}");
                    let remedy = hint!(
                        Operation::Abort,
                        ", and make a new plan, which takes other numbers; or "
                    );
                    return Err(PhaseError::hold(
                        what,
                        hint!(remedy, owner.hint(), "; then ", Operation::Resume),
                    ));
                }
                taken
                    .map(drop)
                    .or_hold(format!("the name {name} cannot be reserved"), other_numbers())
            };
            context.act(format!("reserve the name {name}"), reserve).await?;
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        new_shards_gone(context, "the names of the new shards stay reserved").await?;
        release_names(context).await?;
        Ok(Undone::Completely)
    }
}

/// Gives the names back that the plan has reserved.
pub(super) async fn release_names(context: &Context) -> Result<(), PhaseError> {
    for target in context.plan().targets() {
        let name = &target.name;
        let release = give_back(context, Reservation::Name(name));
        context.act(format!("give the reservation of {name} back"), release).await?;
    }
    Ok(())
}
