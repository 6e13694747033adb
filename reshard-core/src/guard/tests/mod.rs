//! The rules of the guard, on real servers. Each rule has a test with its number.

mod arming;
mod cutover;
mod fixture;
mod planted;
mod races;
mod refusals;
mod scene;
mod steps;
mod stress;
mod vnode_of_key;
