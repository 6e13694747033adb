//! Plans as the region knows them: which there are, who carries them out, and what they keep for themselves. No plan's file is
//! needed for that.

mod holding;
mod overview;
mod release;

pub use self::holding::{Holding, Kept};
pub use self::overview::{Executing, PlanOverview, PlansError, plans_overview};
pub use self::release::{PlanFile, ReleaseError, releasable, release};
