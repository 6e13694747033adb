//! The common parts of the phases that work with canaries.

use manatee_client::ShardName;
use moray_client::{ClientOptions, NodeInfo};
use serde::{Deserialize, Serialize};

use super::facts::CANARIES;
use crate::VnodeSet;
use crate::canary::{
    Canary, Found, canaries_of, choose_directory, find_canary, remove_canary, write_canary,
};
use crate::hint::{Hint, Operation, hint};
use crate::inventory::pnode_name;
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::plan::ValidPlan;
use crate::region::Moray;

/// A canary, and where it has to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planted {
    #[serde(flatten)]
    pub(super) canary: Canary,
    /// The pnode before the vnodes have moved; absent if the vnode is not of the plan: other plans may move it.
    pub(super) before: Option<String>,
    /// And after.
    pub(super) after: Option<String>,
}

impl Planted {
    /// Holds unless a router has found the canary where it has to be.
    pub(super) fn check(
        &self,
        router: &str,
        node: &NodeInfo,
        expected: Option<&str>,
    ) -> Result<(), PhaseError> {
        if u64::from(self.canary.vnode) != node.vnode {
            return Err(PhaseError::hold(
                format!(
                    "the router {router} takes {} for vnode {}, the plan for vnode {}",
                    self.canary.key, node.vnode, self.canary.vnode
                ),
                hint!(
                    "its ring is not the one that the plan was made from: see which image is installed there (",
                    Operation::AuditRings,
                    "), install the right one; then ",
                    Operation::Resume
                ),
            ));
        }
        if let Some(expected) = expected.filter(|expected| node.pnode != *expected) {
            return Err(PhaseError::hold(
                format!(
                    "the router {router} has {} (vnode {}) at {}, not at {expected}",
                    self.canary.key, node.vnode, node.pnode
                ),
                another_ring(),
            ));
        }
        Ok(())
    }
}

/// The operator's advice about a router that does not have the ring which it should.
pub(super) fn another_ring() -> Hint {
    hint!(
        "it has another ring than it should: see which image is installed there (",
        Operation::AuditRings,
        "), install the right one; then ",
        Operation::Resume
    )
}

/// The tag that the plan's canaries carry.
pub(super) fn tag(plan: &ValidPlan) -> String {
    format!("reshard-canary-{}", plan.uuid)
}

/// Two canaries, a directory and an object in it, for each new shard and for what the source keeps.
pub(super) fn choose(plan: &ValidPlan) -> Result<Vec<Planted>, PhaseError> {
    let ring = &plan.inventory.ring;
    let hash = &ring.hashing;
    let source = plan.source();
    let mut sets: Vec<(&ShardName, VnodeSet)> =
        plan.targets().iter().map(|target| (&target.name, target.vnodes.clone())).collect();
    sets.push((source, staying(plan)));
    let mut planted = Vec::new();
    for (shard, vnodes) in sets.iter().filter(|(_, vnodes)| !vnodes.is_empty()) {
        let found = choose_directory(hash, plan.inventory.poseidon, &tag(plan), vnodes);
        let found = found.and_then(|directory| canaries_of(hash, &directory).ok());
        let canaries = found.ok_or_else(|| {
            PhaseError::hold(
                format!("no name was found that hashes to a vnode of {shard}"),
                hint!(
                    "keys hash to none of the vnodes that it gets (",
                    Operation::ShowPlan,
                    "): ",
                    Operation::Abort,
                    ", and make a plan with others"
                ),
            )
        })?;
        // The directory itself is in another vnode, perhaps of a shard that has nothing to do with the plan.
        planted.extend(canaries.map(|canary| {
            let has = |set: &VnodeSet| set.contains(fash::Vnode::new(canary.vnode));
            let before = ring.vnodes_of(source).is_some_and(has).then(|| pnode_name(source));
            let target = plan.targets().iter().find(|target| has(&target.vnodes));
            let after = target.map_or_else(|| before.clone(), |it| Some(pnode_name(&it.name)));
            Planted { canary, before, after }
        }));
    }
    Ok(planted)
}

/// The vnodes that the source keeps.
pub(super) fn staying(plan: &ValidPlan) -> VnodeSet {
    let owned = plan.inventory.ring.vnodes_of(plan.source());
    owned.map(|vnodes| vnodes.minus(&plan.moving())).unwrap_or_default()
}

/// The region's routers.
pub(super) fn routers(context: &Context) -> Result<Vec<Box<dyn Moray>>, PhaseError> {
    let addresses = &context.deployment().configuration().routers;
    if addresses.is_empty() {
        return Err(PhaseError::hold(
            "the configuration names no router",
            hint!("add routers = [\"ADDRESS:2020\"] to it; then ", Operation::Resume),
        ));
    }
    Ok(addresses.iter().map(|address| router(context, address)).collect())
}

/// The router at this address.
pub(super) fn router(context: &Context, address: &str) -> Box<dyn Moray> {
    context.deployment().objects().at(address, ClientOptions::default())
}

/// Looks for a canary that has to be there.
pub(super) async fn find(
    context: &Context,
    router: &dyn Moray,
    planted: &Planted,
) -> Result<Found, PhaseError> {
    look_for(context, router, planted)
        .await?
        .ok_or_else(|| is_gone(context, router, planted, 0, hint!("; then ", Operation::Resume)))
}

/// Looks for a canary; `None` if nothing is there.
pub(super) async fn look_for(
    context: &Context,
    router: &dyn Moray,
    planted: &Planted,
) -> Result<Option<Found>, PhaseError> {
    let found = find_canary(router, &planted.canary, &tag(context.plan())).await;
    found.or_phase_error("the canary cannot be looked for")
}

/// The hold for a canary that a router does not find, and so many others, with the rest of its remedy.
pub(super) fn is_gone(
    context: &Context,
    router: &dyn Moray,
    planted: &Planted,
    others: usize,
    rest: Hint,
) -> PhaseError {
    let key = &planted.canary.key;
    let shards: Vec<&str> = std::iter::once(context.plan().source())
        .chain(context.plan().targets().iter().map(|target| &target.name))
        .map(ShardName::as_str)
        .collect();
    let others = if others == 0 { String::new() } else { format!(", nor {others} others") };
    PhaseError::hold(
        format!("the router {} does not find the canary {key}{others}", router.address()),
        hint!(
            format!(
                "somebody removed it, or it was not copied to where the router looks: before anything else, look for it in the \
                 databases of {} (`SELECT _vnode FROM manta WHERE _key = '{key}'`)",
                shards.join(" and ")
            ),
            rest
        ),
    )
}

/// Writes a canary through a router, which has to know it at the expected pnode.
pub(super) async fn write(
    context: &Context,
    router: &dyn Moray,
    planted: &Planted,
    revision: u32,
    expected: Option<&str>,
) -> Result<(), PhaseError> {
    let plan = context.plan();
    let (account, tag) = (plan.inventory.poseidon, tag(plan));
    let node = write_canary(router, &planted.canary, account, &tag, revision, context.now()).await;
    let node = node.or_phase_error("the canary cannot be written")?;
    planted.check(router.address(), &node, expected)
}

/// Removes whatever canaries there are, and forgets them.
pub(super) async fn remove_all(context: &Context) -> Result<(), PhaseError> {
    let canaries = context.get(&CANARIES).await?.unwrap_or_default();
    let tag = tag(context.plan());
    let routers = routers(context)?;
    let Some(router) = routers.first() else { return Ok(()) };
    // Objects before their directories.
    for planted in canaries.iter().rev() {
        let key = &planted.canary.key;
        let removing = async {
            let removed = remove_canary(&**router, &planted.canary, &tag).await;
            removed.or_phase_error("the canary cannot be removed")
        };
        context.act(format!("remove the canary {key}"), removing).await?;
    }
    context.forget(&CANARIES).await
}

#[cfg(test)]
mod tests;
