//! Makes the Moray zones of the new shards. They wait for their shard's primary, which comes later.
//!
//! * reads: the instances of the source's Moray zones; SAPI, VMAPI
//! * writes: instances and zones with the plan's tag
//! * done when: all zones run
//! * undo: the zones are destroyed, and the name that they registered is removed
//! * pause: while waiting for a zone

use std::time::Duration;

use async_trait::async_trait;

use super::new_zones::{Kind, bring_up, take_down, wanted};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Poll, Undone, Wait};
use crate::shards::registration_path;

/// The longest that the registrations of destroyed zones may last.
const LEAVE: Duration = Duration::from_mins(3);

/// Makes Moray zones.
#[derive(Clone, Copy, Debug)]
pub struct ProvisionMorays;

#[async_trait]
impl Phase for ProvisionMorays {
    fn name(&self) -> &'static str {
        "provision-morays"
    }

    fn about(&self) -> About {
        About {
            title: "make the Moray zones of the new shards",
            rfd103: "7",
            reads: "the instances of the source's Moray zones, SAPI, VMAPI",
            writes: "instances and zones with the plan's tag",
            done_when: "all zones run",
            undo: "destroys the zones and removes the name that they registered",
            pause: "while waiting for a zone",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        bring_up(context, &wanted(context.plan(), Kind::Moray)).await?;
        Ok(())
    }

    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError> {
        take_down(context, &wanted(context.plan(), Kind::Moray)).await?;
        for target in context.plan().targets() {
            let path = registration_path(&target.name);
            let began = context.monotonic();
            let waiting = Wait {
                what: format!("the registrations of {} to end", target.name),
                hint: format!("see who is registered below {path}").into(),
            };
            let look = || async {
                context.still_leased().await?;
                let removed = context.deployment().session().remove_if_empty(&path).await;
                let removed = removed.or_phase_error(format!("{path} cannot be removed"))?;
                // Somebody else's registration is theirs.
                let over = context.since(began) >= LEAVE;
                let yet = Poll::Pending(None, String::new());
                Ok(if removed || over { Poll::Ready(removed) } else { yet })
            };
            if !context.wait(waiting, LEAVE * 2, look).await? {
                context.note(format!("{path} is left: others are registered below it")).await?;
            }
        }
        Ok(Undone::Completely)
    }
}
