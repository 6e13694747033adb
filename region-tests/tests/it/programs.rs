//! The programs that are tested.

use std::path::PathBuf;

/// A program of this workspace, from the directory of the profile that this test was built with.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = profile.join(name);
    let how = "`cargo build --workspace --bins --examples` makes it";
    assert!(program.is_file(), "there is no {}: {how}", program.display());
    program
}
