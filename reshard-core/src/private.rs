//! Directories and files that nobody but their owner reads: plans name passwords' places, and rings say who has which objects.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes a directory, and those above it, for the owner alone (0700) unless it is there already; then it stays as it is.
///
/// # Errors
///
/// As [`std::fs::create_dir_all`]
pub fn create_private_directory(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Takes a file's rights from everybody but its owner (0600).
pub(crate) fn keep_private(file: &Path) -> io::Result<()> {
    fs::set_permissions(file, Permissions::from_mode(0o600))
}
