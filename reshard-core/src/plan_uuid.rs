//! The names of plans.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanUuid(Uuid);

impl PlanUuid {
    /// The UUID of something that the plan makes, by a name that is its own within the plan.
    pub(crate) fn of_name(self, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, name.as_bytes())
    }

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
