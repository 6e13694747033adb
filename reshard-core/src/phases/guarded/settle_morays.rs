//! Gives the Morays of the new names their regular configuration, one zone after the other: each leaves the name service first, so
//! that no request is on its way to it when it is restarted.
//!
//! * reads: what is registered of the new names in ZooKeeper; the sessions of the new primaries
//! * writes: in each new Moray zone, registrar is disabled for a while, config-agent is enabled and renders Moray's configuration,
//!   and Moray is restarted
//! * done when: each is registered, answers, and has a session with its own primary
//! * undo: they follow their switches again, one zone after the other as well
//! * pause: between two zones

use std::time::Duration;

use async_trait::async_trait;
use manatee_client::ShardName;

use super::lead_morays::lead;
use super::moves::{moray_zone_remedy, morays, moves, primary, switch};
use super::open_switches::lead_to;
use crate::cutover::moray_sessions;
use crate::deployment::ZoneScript;
use crate::morays::moray_answers;
use crate::phase::{
    About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait, Withheld,
};
use crate::phases::source::shard;
use crate::shards::registration_path;
use crate::zones::MadeZone;

const LEAVE: &str = include_str!("../../scripts/leave-names.sh");
const SETTLE: &str = include_str!("../../scripts/settle-moray.sh");
const JOIN: &str = include_str!("../../scripts/join-names.sh");
/// The longest that a script may take in a zone.
const LIMIT: Duration = Duration::from_mins(2);
/// The longest that a registration may take to come or go.
const REGISTERED: Duration = Duration::from_mins(5);
/// The longest that Moray may take to come up.
const COMES_UP: Duration = Duration::from_mins(5);

/// Gives the Morays of the new names their regular configuration.
#[derive(Clone, Copy, Debug)]
pub struct SettleMorays;

#[async_trait]
impl Phase for SettleMorays {
    fn name(&self) -> &'static str {
        "settle-morays"
    }

    fn about(&self) -> About {
        About {
            title: "give the new Morays their regular configuration",
            rfd103: "",
            reads: "what is registered of the new names in ZooKeeper, sessions of the new primaries",
            writes: "in each new Moray zone: registrar is disabled for a while, config-agent is enabled, Moray is restarted",
            done_when: "each is registered, answers, and has a session with its own primary",
            undo: "they follow their switches again, one after the other as well",
            pause: "between two zones",
        }
    }

    fn gives_back(&self) -> &'static [Withheld] {
        &[Withheld::NewNames]
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        for one in moves(context.plan()) {
            let all = morays(context, one.target);
            for moray in &all {
                context.checkpoint().await?;
                let made = moray.made(context).await?;
                restart(context, &one.target.name, &made, all.len() > 1, To::OwnPath).await?;
            }
        }
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        for one in moves(context.plan()) {
            let name = &one.target.name;
            let state = shard(context, name).read_existing().await;
            let state = state.or_phase_error(format!("the state of {name} cannot be read"))?.state;
            lead_to(context, name, &state).await?;
            let all = morays(context, one.target);
            for moray in &all {
                let made = moray.made(context).await?;
                restart(context, name, &made, all.len() > 1, To::Switch).await?;
            }
        }
        Ok(Undone::Completely)
    }
}

/// The path that a Moray gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    /// That of its own shard, in the regular configuration.
    OwnPath,
    /// The switch's, which can lead back to the source.
    Switch,
}

/// Restarts a Moray with another path. The only one of its name cannot leave the name service without requests failing for longer.
async fn restart(
    context: &Context,
    name: &ShardName,
    made: &MadeZone,
    has_others: bool,
    to: To,
) -> Result<(), PhaseError> {
    let zone = made.place.zone;
    let run = async |what: String, script: ZoneScript| {
        let doing = async {
            let done = context.deployment().zones().stdout(&made.place, &script).await;
            done.or_advise(format!("cannot {what}"), moray_zone_remedy(zone))
        };
        context.act(what.clone(), doing).await.map(drop)
    };
    if has_others {
        let leave = ZoneScript::new("leave-names", LEAVE).within(LIMIT);
        run(format!("take Moray in {zone} out of the name service"), leave).await?;
        registered(context, name, made, false).await?;
        let regular = context.deployment().configuration().name_seconds;
        let grace = context.tuning().await?.name_seconds.unwrap_or(regular);
        context.sleep(Duration::from_secs(grace)).await;
    }
    match to {
        To::OwnPath => {
            let path = format!("/manatee/{name}");
            let settle = ZoneScript::new("settle-moray", SETTLE).with("path", path).within(LIMIT);
            run(format!("give Moray in {zone} its regular configuration"), settle).await?;
        }
        To::Switch => lead(context, &made.place, switch(context, name).path()).await?,
    }
    comes_up(context, name, made).await?;
    let join = ZoneScript::new("join-names", JOIN).within(LIMIT);
    run(format!("put Moray in {zone} into the name service"), join).await?;
    registered(context, name, made, true).await
}

/// Waits until a zone is registered, or is not any more.
async fn registered(
    context: &Context,
    name: &ShardName,
    made: &MadeZone,
    wanted: bool,
) -> Result<(), PhaseError> {
    let (zone, path) = (made.place.zone.to_string(), registration_path(name));
    let what = if wanted { "to register" } else { "to have left the name service" };
    let waiting = Wait {
        what: format!("the zone {zone} {what}"),
        hint: format!("see who is registered below {path}, and registrar's log in the zone").into(),
    };
    let look = || async {
        let found = context.deployment().session().children(&path).await;
        let found = found.or_phase_error(format!("{path} cannot be listed"))?.unwrap_or_default();
        let is_there = found.contains(&zone);
        Ok(if is_there == wanted { Poll::Ready(()) } else { Poll::Pending(None, String::new()) })
    };
    context.wait(waiting, REGISTERED, look).await
}

/// Waits until a Moray answers, and PostgreSQL at the new primary has a session of it.
async fn comes_up(context: &Context, name: &ShardName, made: &MadeZone) -> Result<(), PhaseError> {
    let (zone, address) = (made.place.zone, &made.address);
    let database = primary(context, name).await?;
    let waiting = Wait {
        what: format!("Moray in {zone} to answer out of {name}"),
        hint: "look at `svcs -xv` and Moray's log in the zone".into(),
    };
    let look = || async {
        if let Err(error) = moray_answers(context.deployment(), address).await {
            return Ok(Poll::Pending(None, error.with_causes()));
        }
        let own = address.parse().into_iter().collect();
        let sessions = moray_sessions(&database, &own).await;
        let sessions = sessions.or_phase_error(format!("the primary of {name} cannot be asked"))?;
        let pending = Poll::Pending(None, "it has no session with the primary".to_owned());
        Ok(if sessions.is_empty() { pending } else { Poll::Ready(()) })
    };
    context.wait(waiting, COMES_UP, look).await
}
