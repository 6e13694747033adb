//! Zones as this machine has them: the user that runs them, their files, their processes, and the way into them.

mod account;
mod confined;
mod enter;
mod files;
mod processes;

pub(crate) use account::Account;
pub(crate) use confined::Confined;
pub(crate) use enter::{Entrance, enter, postgresql, shell};
pub(crate) use files::{read_json, write_atomically, write_json};
pub(crate) use processes::{
    Belonging, LAB_DIRECTORY, Process, freeze_all, kill_all, quit_postgres, signal, thaw_all,
};
