//! The commands of this project. Each binary is a few lines over a module here.

pub mod exit;
pub mod fash;
mod inspect;
mod manual;
mod progress;
pub mod reshard;

use command_line::{output, screen, table};
