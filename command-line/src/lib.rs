//! Parts of command lines that the commands `reshard`, `reshard-lab` and `fash` share.
//!
//! Standard output is data, standard error is talk. A command is run from its command line to its exit status by
//! [`run::run`], which tells its failures.

pub mod completion;
pub mod format;
pub mod output;
pub mod run;
pub mod screen;
pub mod spinner;
pub mod table;
pub mod unknown;
