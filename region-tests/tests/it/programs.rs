//! The programs that are tested.

use std::path::PathBuf;

/// A program of this workspace, from the directory of the profile that this test was built with.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = profile.join(name);
    let is_there = program.is_file();
    assert!(is_there, "there is no {}: run `cargo build --bins` first", program.display());
    program
}
