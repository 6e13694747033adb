//! Zones: their directories, their services under SMF, and commands inside them.

mod error;
mod life;
mod manifests;
mod owner;
#[cfg(test)]
mod region_test;
mod ring;
mod services;
mod setup;
mod skeleton;
mod smf;
#[cfg(test)]
pub(crate) mod tests;
mod zone;

pub(crate) use error::ZoneError;
pub(crate) use manifests::{Manifest, manifests};
pub(crate) use owner::{Settings, Zones};
