//! The names of everything that a plan creates.

use sapi_client::{ImageUuid, InstanceUuid};

use super::Plan;

impl Plan {
    /// The UUID of a zone that the plan creates: the same whenever it is asked for, so that creating can be tried again.
    /// `round` counts how often the plan began anew after it had rolled everything back; what was destroyed is not
    /// created again under its old name.
    pub fn instance_uuid(&self, role: &str, round: u32) -> InstanceUuid {
        self.uuid.of_name(&format!("instance/{role}/{round}")).into()
    }

    /// The UUID of an image that the plan creates, as [`Plan::instance_uuid`].
    pub fn image_uuid(&self, role: &str, round: u32) -> ImageUuid {
        self.uuid.of_name(&format!("image/{role}/{round}")).into()
    }
}
