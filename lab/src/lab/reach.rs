//! Checks that the user of a lab's services gets to the lab's directory.

use std::path::{Path, PathBuf};

use super::LabError;
use crate::process::supervised;

/// Fails if a directory on the way to the lab's keeps its services' user out: they would all die without saying why.
pub(super) async fn check_way(directory: &Path, user: Option<&str>) -> Result<(), LabError> {
    let Some(user) = user else { return Ok(()) };
    let mut way: Vec<&Path> = directory.ancestors().collect();
    way.reverse();
    for step in way {
        let entered = supervised("test", Some(user)).arg("-x").arg(step).status().await;
        if !entered.map_err(LabError::file("look into", step))?.success() {
            if step.parent().is_none() {
                // Nothing can be run as that user at all, which the first service says better.
                return Ok(());
            }
            let (directory, barrier): (PathBuf, PathBuf) = (directory.into(), step.into());
            return Err(LabError::Unreachable { directory, barrier, user: user.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn the_directory_that_bars_the_way_is_named() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let top = tempfile::tempdir_in("/var/tmp").unwrap();
        let lab = top.path().join("closed/lab");
        fs::create_dir_all(&lab).unwrap();
        let allow = |directory: &Path, mode| {
            fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
        };
        allow(top.path(), 0o755);
        allow(&top.path().join("closed"), 0o700);
        let error = check_way(&lab, Some("postgres")).await.unwrap_err().to_string();
        let barrier = top.path().join("closed");
        assert!(error.contains(&format!("cannot enter {}:", barrier.display())), "{error}");
        assert!(check_way(&lab, None).await.is_ok());
        allow(&barrier, 0o711);
        assert!(check_way(&lab, Some("postgres")).await.is_ok());
    }
}
