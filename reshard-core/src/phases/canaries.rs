//! What the phases share that work with canaries.

use manatee_client::ShardName;
use moray_client::{Client, ClientOptions, NodeInfo};
use serde::{Deserialize, Serialize};

use crate::VnodeSet;
use crate::canary::{Canary, canaries_of, choose_directory};
use crate::executor::Context;
use crate::inventory::pnode_name;
use crate::phase::Trouble;
use crate::plan::Plan;

/// The fact with the canaries, a list of [`Planted`].
pub(super) const CANARIES: &str = "canaries";

/// A canary, and where it has to be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planted {
    #[serde(flatten)]
    pub(super) canary: Canary,
    /// The pnode before the vnodes have moved.
    pub(super) before: String,
    /// And after.
    pub(super) after: String,
}

impl Planted {
    /// Holds unless a router has found the canary where it has to be.
    pub(super) fn check(
        &self,
        router: &str,
        node: &NodeInfo,
        expected: &str,
    ) -> Result<(), Trouble> {
        if u64::from(self.canary.vnode) != node.vnode {
            return Err(Trouble::hold(
                format!(
                    "the router {router} takes {} for vnode {}, the plan for vnode {}",
                    self.canary.key, node.vnode, self.canary.vnode
                ),
                "its ring is not the one that the plan was made from: see which image is installed there (`reshard \
                 doctor`)",
            ));
        }
        if node.pnode != expected {
            return Err(Trouble::hold(
                format!(
                    "the router {router} has {} (vnode {}) at {}, not at {expected}",
                    self.canary.key, node.vnode, node.pnode
                ),
                "it has another ring than it should: see which image is installed there (`reshard doctor`), install the \
                 right one; then `reshard resume`",
            ));
        }
        Ok(())
    }
}

/// What the plan's canaries carry.
pub(super) fn tag(plan: &Plan) -> String {
    format!("reshard-canary-{}", plan.uuid)
}

/// Two canaries, a directory and an object in it, for each new shard and for what the source keeps.
pub(super) fn choose(plan: &Plan) -> Result<Vec<Planted>, Trouble> {
    let ring = &plan.inventory.ring;
    let hash = &ring.hashing;
    let source = &plan.request.source;
    let mut sets: Vec<(&ShardName, VnodeSet)> =
        plan.targets.iter().map(|target| (&target.name, target.vnodes.clone())).collect();
    sets.push((source, staying(plan)));
    let mut planted = Vec::new();
    for (shard, vnodes) in sets.iter().filter(|(_, vnodes)| !vnodes.is_empty()) {
        let found = choose_directory(hash, plan.inventory.poseidon, &tag(plan), vnodes);
        let found = found.and_then(|directory| canaries_of(hash, &directory).ok());
        let canaries = found.ok_or_else(|| {
            Trouble::hold(
                format!("no name was found that hashes to a vnode of {shard}"),
                "its vnodes are those that keys are not hashed to: see `reshard plan show`",
            )
        })?;
        // The directory itself is in another vnode, perhaps of a shard that has nothing to do with the plan.
        planted.extend(canaries.map(|canary| {
            let has = |set: &VnodeSet| set.contains(fash::Vnode::new(canary.vnode));
            let mut pnodes = ring.pnodes.iter();
            let before = pnodes.find(|pnode| has(&pnode.vnodes));
            let before = before.map_or_else(|| pnode_name(source), |pnode| pnode.pnode.clone());
            let target = plan.targets.iter().find(|target| has(&target.vnodes));
            let after = target.map_or_else(|| before.clone(), |target| pnode_name(&target.name));
            Planted { canary, before, after }
        }));
    }
    Ok(planted)
}

/// The vnodes that the source keeps.
pub(super) fn staying(plan: &Plan) -> VnodeSet {
    let owned = plan.inventory.ring.vnodes_of(&plan.request.source);
    let moved = |vnode| plan.targets.iter().any(|target| target.vnodes.contains(vnode));
    owned.map(|vnodes| vnodes.iter().filter(|vnode| !moved(*vnode)).collect()).unwrap_or_default()
}

/// A client of the region's routers.
pub(super) fn routers(context: &Context) -> Result<Vec<Client>, Trouble> {
    let addresses = &context.deployment().configuration().routers;
    if addresses.is_empty() {
        return Err(Trouble::hold(
            "the configuration names no router",
            "add routers = [\"ADDRESS:2020\"] to it",
        ));
    }
    let client = |address: &String| Client::new(address.clone(), ClientOptions::default());
    Ok(addresses.iter().map(client).collect())
}
