//! The plan's name, and the names of everything that it creates.

use std::fmt;
use std::str::FromStr;

use sapi_client::{ImageUuid, InstanceUuid};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Plan;

/// Names a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanUuid(Uuid);

impl PlanUuid {
    /// A name that nothing else has.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FromStr for PlanUuid {
    type Err = InvalidPlanUuid;

    fn from_str(text: &str) -> Result<Self, InvalidPlanUuid> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| InvalidPlanUuid(text.chars().take(64).collect()))
    }
}

/// The text is no UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the UUID of a plan")]
pub struct InvalidPlanUuid(String);

impl fmt::Display for PlanUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PlanUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Plan {
    /// The UUID of a zone that the plan creates: the same whenever it is asked for, so that creating can be tried again.
    /// `round` counts how often the plan began anew after it had taken everything back; what was destroyed is not
    /// created again under its old name.
    pub fn instance_uuid(&self, role: &str, round: u32) -> InstanceUuid {
        Uuid::new_v5(&self.uuid.0, format!("instance/{role}/{round}").as_bytes()).into()
    }

    /// The UUID of an image that the plan creates, as [`Plan::instance_uuid`].
    pub fn image_uuid(&self, role: &str, round: u32) -> ImageUuid {
        Uuid::new_v5(&self.uuid.0, format!("image/{role}/{round}").as_bytes()).into()
    }
}
