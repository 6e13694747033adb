//! The rules of the guard, on real servers. Each rule has a test with its number.

mod arming;
mod copy;
mod cutover;
pub(crate) mod fixture;
mod follow_race;
mod log;
pub(crate) mod pair;
mod planted;
mod races;
mod refusals;
mod replay;
mod replay_checks;
mod scene;
mod steps;
mod stress;
mod verify;
mod vnode_of_key;
mod writers;
