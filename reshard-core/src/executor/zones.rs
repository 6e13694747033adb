//! Scripts in zones, run only by the plan's only executor.

use std::sync::Arc;

use async_trait::async_trait;

use crate::deployment::{ZoneCommandError, ZoneCommands, ZoneOutput, ZonePlace, ZoneScript};
use crate::epoch::EpochError;
use crate::phase::EpochNote;
use crate::retryable::Retryable;

/// Asks before every script whether the plan is still this executor's: what one intent announces may take minutes in many
/// zones, and the executor may sleep between two of them.
pub(super) struct OwnZones {
    pub(super) zones: Arc<dyn ZoneCommands>,
    pub(super) epoch: Arc<EpochNote>,
}

#[async_trait]
impl ZoneCommands for OwnZones {
    async fn run(
        &self,
        place: &ZonePlace,
        script: &ZoneScript,
    ) -> Result<ZoneOutput, ZoneCommandError> {
        let not_begun = |error: EpochError| ZoneCommandError::NotBegun {
            script: script.name(),
            zone: place.zone,
            may_pass: error.may_pass(),
            source: Box::new(error),
        };
        self.epoch.tell().await.map_err(not_begun)?;
        self.zones.run(place, script).await
    }
}
