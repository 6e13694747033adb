//! The things left to be fixed once zones are where they belong: their names, their tags, and what they call themselves.

mod names;
mod zone;

pub use self::names::{TidyError, drop_plan_tag, rename};
pub use self::zone::tidy_peer;
