//! Zones: their directories, their services under SMF, and commands inside them.

mod account;
mod confined;
mod enter;
mod error;
mod files;
mod life;
mod manifests;
mod owner;
mod processes;
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

pub(crate) use account::Account;
pub(crate) use confined::Confined;
pub(crate) use enter::{Entrance, enter, shell};
pub(crate) use error::ZoneError;
pub(crate) use files::write_atomically;
pub(crate) use manifests::{Manifest, manifests};
pub(crate) use owner::{Settings, Zones};
pub(crate) use processes::{Belonging, LAB_DIRECTORY, kill_all, quit_postgres, thaw_all};
