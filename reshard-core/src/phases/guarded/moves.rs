//! The moves of a plan as the guard knows them: their numbers, databases, switches and Morays.

use std::time::Duration;

use manatee_client::{ShardName, Switch};
use sapi_client::InstanceUuid;

use crate::cutover::MorayAddresses;
use crate::deployment::Database;
use crate::guard::{Identity, Lease, MoveNumber, Session};
use crate::hint::{Hint, Operation, hint};
use crate::journal::EntryKind;
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::phases::new_zones::{Kind, Wanted, wanted};
use crate::phases::source::shard;
use crate::plan::{Target, ValidPlan};
use crate::rows::connect_primary;

/// The directory of the switches in ZooKeeper.
const SWITCHES: &str = "/manta_reshard/switch";
/// The longest that a statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);

/// A move: the vnodes that one new shard gets.
#[derive(Clone, Copy)]
pub(super) struct GuardedMove<'a> {
    /// Its number in the databases of source and target.
    pub(super) number: MoveNumber,
    /// The new shard with its vnodes.
    pub(super) target: &'a Target,
}

/// The moves of a plan, numbered from 1 on in the order of its new shards.
pub(super) fn moves(plan: &ValidPlan) -> impl Iterator<Item = GuardedMove<'_>> {
    (1..)
        .map(MoveNumber::new)
        .zip(plan.targets())
        .map(|(number, target)| GuardedMove { number, target })
}

/// The right to act for the plan at a database. The token of the plan's lock grows with every executor.
pub(super) fn lease(context: &Context) -> Lease {
    let epoch = i64::try_from(context.lock().token()).unwrap_or(i64::MAX);
    Lease { plan: context.plan().uuid, epoch }
}

/// Logs a trouble of what is kept up, unless it is the one that was said last. A stop that is asked for is none.
pub(super) async fn say_once(context: &Context, trouble: &PhaseError, said: &mut String) {
    let text = trouble.with_causes();
    if text != *said && !matches!(trouble, PhaseError::Stopped) {
        // A journal that cannot be written is noticed with the next change.
        context.log(EntryKind::Trouble, text.as_str()).await.ok();
    }
    *said = text;
}

/// The primary of a shard.
pub(super) async fn primary(context: &Context, name: &ShardName) -> Result<Database, PhaseError> {
    let primary = connect_primary(context.deployment(), name, STATEMENT_TIMEOUT).await;
    let remedy = hint!(
        format!("see that the primary of {name} runs and takes writes ("),
        Operation::ShowPeers,
        " tells which it is): start its zone if that is down, or see the sitter's log in it; then ",
        Operation::Resume
    );
    primary.or_advise(format!("the primary of {name} cannot be reached"), remedy)
}

/// A session at the primary of a shard that acts for the plan. The guard has to be installed there.
pub(super) async fn session(context: &Context, name: &ShardName) -> Result<Session, PhaseError> {
    let session = lease(context).take(primary(context, name).await?).await;
    session.or_phase_error(format!("nothing can be done for the plan at the primary of {name}"))
}

/// The generation of a shard's state.
pub(super) async fn generation(context: &Context, name: &ShardName) -> Result<u64, PhaseError> {
    let stored = shard(context, name).read_existing().await;
    let stored = stored.or_phase_error(format!("the state of {name} cannot be read"))?;
    Ok(u64::from(stored.state.generation.count().unwrap_or(0)))
}

/// The database of a shard as it is now.
pub(super) async fn identity(
    context: &Context,
    name: &ShardName,
    database: &Database,
) -> Result<Identity, PhaseError> {
    let identity = Identity::read(database, generation(context, name).await?).await;
    identity.or_phase_error(format!("the primary of {name} does not tell which database it has"))
}

/// The path that the Morays of a new name follow until its vnodes are cut over.
pub(super) fn switch(context: &Context, name: &ShardName) -> Switch {
    let path = format!("{SWITCHES}/{name}");
    Switch::new(context.deployment().session().clone(), &path).fenced_by(context.lock())
}

/// The Moray zones of a new shard.
pub(super) fn morays<'a>(context: &'a Context, target: &Target) -> Vec<Wanted<'a>> {
    let all = wanted(context.plan(), Kind::Moray);
    all.into_iter().filter(|one| one.target.name == target.name).collect()
}

/// The remedy if nothing can be done in a Moray's zone.
pub(super) fn moray_zone_remedy(zone: InstanceUuid) -> Hint {
    let text = format!(
        "see that CNAPI answers, and that the zone {zone} runs (`sdc-vmapi /vms/{zone}` shows it): start the zone if it is down, \
         or see `svcs -xv` in it; then "
    );
    hint!(text, Operation::Resume)
}

/// The addresses of the Moray zones of a new shard, from which their sessions with databases come.
pub(super) async fn addresses(
    context: &Context,
    target: &Target,
) -> Result<MorayAddresses, PhaseError> {
    let mut addresses = MorayAddresses::new();
    for one in morays(context, target) {
        let made = one.made(context).await?;
        let address = made.address.parse().map_err(|_| {
            PhaseError::hold(
                format!("the Moray zone {} has no address but {:?}", made.place.zone, made.address),
                hint!("see what VMAPI says of it; then ", Operation::Resume),
            )
        })?;
        addresses.insert(address);
    }
    Ok(addresses)
}
