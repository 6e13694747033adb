//! Consistent-hash rings, compatible with node-fash.

mod data;
mod id;

pub use data::VnodeData;
pub use id::{EmptyPnode, InvalidVnode, Pnode, Vnode};
