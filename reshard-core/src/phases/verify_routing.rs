//! Shows that every router uses the target ring: through each, canaries and a sample of the keys that are there are found at
//! their owners; canaries are written again where they are now.
//!
//! * Reads: a sample of keys at the source and the new shards; these keys and the canaries through every SMF instance of
//!   electric-moray.
//! * Writes: the canaries anew, through a router; the facts `routing-audit` and `told-canaries-gone`.
//! * Done when: every router has named the owner of every key.
//! * Undo: nothing to do: the canaries are removed by the phase that created them.
//! * Pause: between two routers.

use std::time::Duration;

use async_trait::async_trait;

use super::canaries::{self, Planted, find, is_gone, look_for, router, routers, staying, write};
use super::facts::{CANARIES, ROUTING_AUDIT, TOLD_CANARIES_GONE};
use crate::audit::{
    Expected, RouterAddress, RouterAudit, WrongPnode, audit_router, overlooked, router_addresses,
    sample_keys,
};
use crate::hint::{Operation, hint};
use crate::inventory::pnode_name;
use crate::journal::Progress;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::rows::connect_primary;

/// The number of times that a canary was written after this phase.
const REVISION: u32 = 2;
/// Keys that are taken from each shard.
const SAMPLE: usize = 100;
/// The longest that choosing them may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Shows that every router uses the target ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyRouting;

#[async_trait]
impl Phase for VerifyRouting {
    fn name(&self) -> &'static str {
        "verify-routing"
    }

    fn about(&self) -> About {
        About {
            title: "show that every router uses the new ring",
            rfd103: "9",
            reads: "canaries and a sample of keys, through every router",
            writes: "the canaries anew, through a router",
            done_when: "every router has named the owner of every key",
            undo: "nothing to do",
            pause: "between two routers",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let canaries = context.get(&CANARIES).await?.unwrap_or_default();
        plant_what_is_gone(context, &canaries).await?;
        for planted in &canaries {
            rewrite(context, planted).await?;
        }
        let keys = sample(context).await?;
        let addresses = router_addresses(&context.plan().inventory.routers);
        let mut audits: Vec<RouterAudit> = Vec::new();
        for address in &addresses {
            context.checkpoint().await?;
            let done = u64::try_from(audits.len()).unwrap_or(u64::MAX);
            let total = u64::try_from(addresses.len()).unwrap_or(u64::MAX);
            let progress = Progress { done, total, unit: "routers".to_owned() };
            context.progress("asking every router for the owners of keys", progress).await?;
            audits.push(audit(context, address, &canaries, &keys).await?);
        }
        let right: u64 = audits.iter().map(|audit| audit.right).sum();
        context
            .note(format!(
                "{} routers named the owners of {} canaries and, in {right} answers, of a sample of keys",
                audits.len(),
                canaries.len()
            ))
            .await?;
        context.put(&ROUTING_AUDIT, &audits).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

/// Holds if canaries are gone; once the operator was told that and goes on, writes them again, or there would be no way on.
async fn plant_what_is_gone(context: &Context, canaries: &[Planted]) -> Result<(), PhaseError> {
    let routers = routers(context)?;
    let Some(router) = routers.first() else { return Ok(()) };
    let mut gone = Vec::new();
    for planted in canaries {
        if look_for(context, &**router, planted).await?.is_none() {
            gone.push(planted);
        }
    }
    let mut told = context.get(&TOLD_CANARIES_GONE).await?.unwrap_or_default();
    let is_new = |planted: &&&Planted| told.insert(planted.canary.key.clone());
    let untold: Vec<_> = gone.iter().filter(is_new).collect();
    if let Some((first, others)) = untold.split_first() {
        let rest = hint!(
            ". If it is nowhere, somebody removed it: ",
            Operation::Resume,
            " writes it again"
        );
        let hold = is_gone(context, &**router, first, others.len(), rest);
        context.put(&TOLD_CANARIES_GONE, &told).await?;
        return Err(hold);
    }
    for planted in gone {
        let writing = write(context, &**router, planted, REVISION, planted.after.as_deref());
        let what = format!("write the canary {}, which is gone, again", planted.canary.key);
        context.act(what, writing).await?;
    }
    Ok(())
}

/// Writes a canary anew at its new owner, and reads it through every router of the configuration.
async fn rewrite(context: &Context, planted: &Planted) -> Result<(), PhaseError> {
    let key = &planted.canary.key;
    for (place, router) in routers(context)?.iter().enumerate() {
        let found = find(context, &**router, planted).await?;
        planted.check(router.address(), &found.node, planted.after.as_deref())?;
        if place > 0 {
            continue;
        }
        let writing = write(context, &**router, planted, REVISION, planted.after.as_deref());
        context.act(format!("write the canary {key} again"), writing).await?;
    }
    Ok(())
}

/// Keys of vnodes that moved, from the new shards, and of those that stayed, from the source.
async fn sample(context: &Context) -> Result<Vec<Expected>, PhaseError> {
    let plan = context.plan();
    let hash = &plan.inventory.ring.hashing;
    let mut sets: Vec<_> =
        plan.targets().iter().map(|target| (&target.name, target.vnodes.clone())).collect();
    sets.push((plan.source(), staying(plan)));
    let mut expected = Vec::new();
    for (shard, vnodes) in sets {
        let primary = connect_primary(context.deployment(), shard, STATEMENT_TIMEOUT).await;
        let primary = primary.or_phase_error(format!("the primary of {shard} cannot be asked"))?;
        let keys = sample_keys(&primary, hash, &vnodes, SAMPLE).await;
        let keys = keys.or_phase_error(format!("no keys can be taken from {shard}"))?;
        let pnode = pnode_name(shard);
        expected.extend(keys.into_iter().map(|key| Expected { key, pnode: pnode.clone() }));
    }
    Ok(expected)
}

/// Asks one router for the canaries and the keys.
async fn audit(
    context: &Context,
    address: &RouterAddress,
    canaries: &[Planted],
    keys: &[Expected],
) -> Result<RouterAudit, PhaseError> {
    let router = router(context, &address.address);
    for planted in canaries {
        let found = find(context, &*router, planted).await?;
        planted.check(
            &format!("{} ({})", address.name, address.address),
            &found.node,
            planted.after.as_deref(),
        )?;
        if found.revision < REVISION {
            return Err(PhaseError::hold(
                format!(
                    "{} reads an old version of the canary {}",
                    address.name, planted.canary.key
                ),
                hint!(
                    "it reads from a shard that was not written to: see where the canary is in the databases of the source and \
                     the new shards; then ",
                    Operation::Resume
                ),
            ));
        }
    }
    let audit = audit_router(address, &*router, keys).await;
    let audit = audit.or_phase_error("the routing cannot be audited")?;
    if let Some(wrong) = audit.wrong.first() {
        let (count, all) = (audit.wrong.len(), keys.len());
        let WrongPnode { key, named, expected } = wrong;
        return Err(another_ring(
            address,
            &format!(
                "looks for {count} keys of {all} in wrong places: for {key} at {named}, not at {expected}"
            ),
        ));
    }
    let not_found: Vec<Expected> =
        keys.iter().filter(|expected| audit.gone.contains(&expected.key)).cloned().collect();
    let overlooked = overlooked(context.deployment(), address, &*router, &not_found).await;
    match overlooked.or_phase_error("the routing cannot be audited")?.first() {
        Some(Expected { key, pnode }) => Err(another_ring(
            address,
            &format!("does not find {key}, which is at its owner {pnode}"),
        )),
        None => Ok(audit),
    }
}

fn another_ring(router: &RouterAddress, what: &str) -> PhaseError {
    PhaseError::hold(
        format!("{} ({}) {what}", router.name, router.address),
        canaries::another_ring(),
    )
}
