//! Has the Morays of the new names follow their switches, so that they serve out of the source's database until the cutover.
//! No router knows them yet.
//!
//! * reads: the sessions of the source's primary
//! * writes: in each new Moray zone, config-agent is disabled, Moray's path is the switch's, and Moray is restarted
//! * done when: each answers, and has a session with the source's primary
//! * undo: nothing: the zones are destroyed
//! * pause: while waiting for them

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::ShardName;

use super::moves::{addresses, moray_zone_remedy, morays, moves, primary, switch};
use crate::cutover::moray_sessions;
use crate::deployment::{ZonePlace, ZoneScript};
use crate::morays::moray_answers;
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait};
use crate::phases::join_settled::join_settled;
use crate::plan::Target;

const LEAD: &str = include_str!("../../scripts/lead-moray.sh");
/// The longest that the script may take in a zone.
const LIMIT: Duration = Duration::from_mins(2);
/// The longest that Moray may take to come up.
const COMES_UP: Duration = Duration::from_mins(5);

/// Has the Morays of the new names follow their switches.
#[derive(Clone, Copy, Debug)]
pub struct LeadMorays;

#[async_trait]
impl Phase for LeadMorays {
    fn name(&self) -> &'static str {
        "lead-morays"
    }

    fn about(&self) -> About {
        About {
            title: "have the new Morays serve out of the source's database",
            rfd103: "",
            reads: "the sessions of the source's primary",
            writes: "in each new Moray zone: config-agent is disabled, Moray's path is the switch's",
            done_when: "each answers, and has a session with the source's primary",
            undo: "nothing: the zones are destroyed",
            pause: "while waiting for them",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for one in moves(context.plan()) {
            let path = switch(context, &one.target.name).path().to_owned();
            let led = morays(context, one.target).into_iter().map(|moray| {
                let path = &path;
                async move { lead(context, &moray.made(context).await?.place, path).await }
            });
            join_settled(led).await?;
            come_to(context, one.target, context.plan().source()).await?;
        }
        Ok(())
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

pub(super) async fn lead(
    context: &Context,
    place: &ZonePlace,
    path: &str,
) -> Result<(), PhaseError> {
    let zone = place.zone;
    let script = ZoneScript::new("lead-moray", LEAD).with("path", path).within(LIMIT);
    let leading = async {
        let done = context.deployment().zones().stdout(place, &script).await;
        let failed = format!("Moray in {zone} does not follow {path}");
        done.or_advise(failed, moray_zone_remedy(zone))
    };
    context.act(format!("have Moray in {zone} follow {path}"), leading).await.map(drop)
}

/// Waits until all Morays of a name answer, and PostgreSQL at a shard's primary has a session of each.
pub(super) async fn come_to(
    context: &Context,
    target: &Target,
    shard: &ShardName,
) -> Result<(), PhaseError> {
    let name = &target.name;
    let addresses = addresses(context, target).await?;
    let database = primary(context, shard).await?;
    let waiting = Wait {
        what: format!("the Morays of {name} to come to the primary of {shard}"),
        hint: "look at `svcs -xv` and Moray's log in their zones".into(),
    };
    let look = || async {
        for address in &addresses {
            let address = address.to_string();
            if let Err(error) = moray_answers(context.deployment(), &address).await {
                return Ok(Poll::Pending(None, format!("{address}: {}", error.with_causes())));
            }
        }
        let there = moray_sessions(&database, &addresses).await;
        let there = there.or_phase_error(format!("the primary of {shard} cannot be asked"))?;
        let missing: Vec<String> = addresses
            .iter()
            .filter(|address| !there.contains_key(address))
            .map(|address| format!("{address} has no session there"))
            .collect();
        let pending = Poll::Pending(None, missing.join(", "));
        Ok(if missing.is_empty() { Poll::Ready(()) } else { pending })
    };
    context.wait(waiting, COMES_UP, look).await
}
