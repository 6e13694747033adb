//! The rules of the guard, on real servers. Each rule has a test with its number.

mod copy;
mod fixture;
mod follow_race;
mod log;
mod pair;
mod replay;
mod replay_checks;
mod verify;
mod vnode_of_key;
mod writers;
