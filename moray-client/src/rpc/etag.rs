//! The condition that a write puts on what is there.

use serde::{Serialize, Serializer};

/// The condition on what is there for a put to be made. Otherwise it is refused with an
/// [`EtagConflictError`](crate::ErrorName::EtagConflict), and nothing is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EtagCondition {
    /// Anything, or nothing. Sent as no `etag` at all.
    #[default]
    Any,
    /// No object. Sent as `null`.
    Absent,
    /// The object with this etag.
    Is(String),
}

impl EtagCondition {
    pub(super) fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

impl Serialize for EtagCondition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // Left out by whoever has one as a member: to the server, null is the other condition.
            Self::Any | Self::Absent => serializer.serialize_none(),
            Self::Is(etag) => serializer.serialize_str(etag),
        }
    }
}
