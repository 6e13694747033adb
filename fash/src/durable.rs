//! Directories and files that appear whole or not at all, also when the power fails.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

/// Ends the name of a [`StagedDirectory`].
const STAGED: &str = ".fash-partial";

/// The number of random characters before [`STAGED`].
const RANDOM: usize = 6;

/// Makes the names in a directory durable: a file that was created or renamed there survives a crash.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Writes a new file and waits until its bytes are on disk. Fails if there is one by this name.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames the directory `from` to `to`, durably. `to` must not exist, or be an empty directory.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(parent(to))
}

/// The directory that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The start of the names of hidden temporary files beside `target`: `.<name>.`
///
/// # Errors
/// `target` ends in no name (`/`, `..`).
pub(crate) fn hidden_prefix(target: &Path) -> io::Result<OsString> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok([OsStr::new("."), name, OsStr::new(".")].into_iter().collect())
}

/// A hidden directory `.<name>.XXXXXX.fash-partial` beside the place where it belongs, to be filled and then
/// [installed](Self::install). Dropped without that, it is removed with all it holds.
///
/// A process that is killed leaves it behind. While it lives a process holds a lock (`flock`) on it, so the next
/// one for the same place knows abandoned ones by their being unlocked, and removes them. Where directories cannot
/// be locked nothing is ever taken for abandoned.
pub(crate) struct StagedDirectory {
    directory: TempDir,
    _lock: File,
}

impl StagedDirectory {
    /// A new empty directory beside `target`.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        let prefix = hidden_prefix(target)?;
        remove_abandoned(parent(target), &prefix)?;
        let directory = tempfile::Builder::new()
            .prefix(&prefix)
            .rand_bytes(RANDOM)
            .suffix(STAGED)
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(parent(target))?;
        // Somebody may take the directory for abandoned before it is locked. It is empty until then, and
        // creating the first file in it fails.
        let lock = File::open(directory.path())?;
        lock.lock().ok();
        Ok(Self { directory, _lock: lock })
    }

    /// The place for the files. Their contents are for the caller to make durable.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Gives the directory its name, which must not exist or be an empty directory.
    pub(crate) fn install(self, target: &Path) -> io::Result<()> {
        sync_directory(self.path())?;
        rename_new(self.path(), target)?;
        // Under its old name there is nothing left to remove.
        drop(self.directory.keep());
        Ok(())
    }
}

/// Removes the staged directories of this prefix that no process holds.
fn remove_abandoned(parent: &Path, prefix: &OsStr) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if is_staged(&entry.file_name(), prefix) && entry.file_type()?.is_dir() {
            let directory = File::open(entry.path())?;
            if directory.try_lock().is_ok() {
                // Somebody else's may not be ours to remove; it is in nobody's way.
                fs::remove_dir_all(entry.path()).ok();
            }
        }
    }
    Ok(())
}

fn is_staged(name: &OsStr, prefix: &OsStr) -> bool {
    name.as_bytes()
        .strip_prefix(prefix.as_bytes())
        .and_then(|name| name.strip_suffix(STAGED.as_bytes()))
        .is_some_and(|random| {
            random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_staged_directory_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("ring");
        let staged = StagedDirectory::beside(&target).unwrap();
        fs::write(staged.path().join("a"), "a").unwrap();
        drop(staged);
        assert!(names(parent.path()).is_empty());

        let staged = StagedDirectory::beside(&target).unwrap();
        fs::write(staged.path().join("a"), "a").unwrap();
        assert!(!target.exists());
        staged.install(&target).unwrap();
        assert_eq!(names(parent.path()), ["ring"]);
        assert_eq!(names(&target), ["a"]);
    }

    #[test]
    fn nothing_is_replaced_but_an_empty_directory() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("ring");
        fs::create_dir(&target).unwrap();
        StagedDirectory::beside(&target).unwrap().install(&target).unwrap();

        fs::write(target.join("a"), "a").unwrap();
        assert!(StagedDirectory::beside(&target).unwrap().install(&target).is_err());
        assert_eq!(names(&target), ["a"]);

        let from = parent.path().join("from");
        fs::create_dir(&from).unwrap();
        assert!(rename_new(&from, &target).is_err());
        assert!(rename_new(&from, &target.join("a")).is_err());
        rename_new(&from, &parent.path().join("to")).unwrap();
        assert_eq!(names(parent.path()), ["ring", "to"]);
    }

    #[test]
    fn only_abandoned_staged_directories_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("ring");
        let held = StagedDirectory::beside(&target).unwrap();
        let others = [".ring.backups.fash-partial", ".ring.abcdef", ".wing.abcdef.fash-partial"];
        for name in others.into_iter().chain([".ring.abcdef.fash-partial"]) {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        drop(StagedDirectory::beside(&target).unwrap());
        assert!(held.path().exists());
        drop(held);
        let mut left = others;
        left.sort_unstable();
        assert_eq!(names(parent.path()), left);
    }

    #[test]
    fn a_path_without_a_directory_is_in_the_current_one() {
        assert_eq!(parent(Path::new("ring")), Path::new("."));
        assert_eq!(parent(Path::new("/a/ring")), Path::new("/a"));
        assert!(hidden_prefix(Path::new("..")).is_err());
    }
}
