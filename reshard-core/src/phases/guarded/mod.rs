//! The phases of the guarded mode, beside those that it shares: the new name is an alias of the source's database first, all
//! routers are led to it at leisure, and then the cutover moves what is behind the name. See `docs/guarded.md`.

mod arm_guard;
mod attempts;
mod close_targets;
mod cut_over;
mod flip_routers;
mod follow;
mod lead_morays;
mod leg;
mod moves;
mod name_ring;
mod open_switches;
mod part_peers;
mod remove_guard;
mod settle_morays;
mod thaw_source;

pub use self::arm_guard::ArmGuard;
pub use self::close_targets::CloseTargets;
pub use self::cut_over::CutOver;
pub use self::flip_routers::FlipRouters;
pub use self::follow::Follow;
pub use self::lead_morays::LeadMorays;
pub use self::name_ring::NameRing;
pub use self::open_switches::OpenSwitches;
pub use self::part_peers::PartPeers;
pub use self::remove_guard::RemoveGuard;
pub use self::settle_morays::SettleMorays;
pub use self::thaw_source::ThawSource;
