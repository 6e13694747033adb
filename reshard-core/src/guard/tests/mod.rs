//! The rules of the guard, on real servers. Each rule has a test with its number.

mod fixture;
mod vnode_of_key;
