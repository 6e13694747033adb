//! Files of a zone, reached as the zone itself reaches them: whatever symbolic links it has made, nothing outside its root
//! directory is read or changed.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, renameat, symlinkat, unlinkat,
};
use uuid::Uuid;

use super::account::Account;

/// The flags with which directories are opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// The root directory of a zone. Paths are those of the zone.
pub(crate) struct Confined {
    root: OwnedFd,
    owner: Option<(u32, u32)>,
}

impl Confined {
    /// A directory as a root. What is made in it belongs to `owner`.
    pub(crate) fn open(root: &Path, owner: Option<&Account>) -> io::Result<Self> {
        let root = rustix::fs::open(root, DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root, owner: owner.map(Account::ids) })
    }

    /// Opens what is there. The root is the end of all `..`, and what absolute links begin with.
    fn at(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
    }

    /// A directory. It is made if it is not there, and those that it is in.
    pub(crate) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut whole = PathBuf::from("/");
        let mut found = self.at(&whole, DIRECTORY)?;
        for part in path.components() {
            let name = match part {
                Component::Normal(name) => name,
                Component::RootDir | Component::CurDir => continue,
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
            };
            whole.push(name);
            found = match self.at(&whole, DIRECTORY) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    mkdirat(&found, name, Mode::from_raw_mode(0o755))?;
                    let made = self.at(&whole, DIRECTORY)?;
                    self.own(&made)?;
                    made
                }
                opened => opened?,
            };
        }
        Ok(found)
    }

    /// Writes a file that everybody may read, in one step, after its directory. A link of its name is replaced, not followed.
    pub(crate) fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let directory = self.directory(path.parent().unwrap_or(Path::new("/")))?;
        let new = format!(".{}", Uuid::new_v4());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(0o644);
        let file = File::from(openat(&directory, &new, flags | OFlags::CLOEXEC, mode)?);
        let fill = || {
            (&file).write_all(contents)?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            self.own(&file)?;
            renameat(&directory, &new, &directory, name)?;
            Ok(())
        };
        fill().inspect_err(|_: &io::Error| {
            if let Err(error) = unlinkat(&directory, &new, AtFlags::empty()) {
                tracing::debug!(%error, new, "a file that was not finished is left");
            }
        })
    }

    /// The contents of a file.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // A zone can make a pipe of that name: it is not waited for.
        let mut file = File::from(self.at(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        let mut contents = Vec::new();
        file.read_to_end(&mut contents)?;
        Ok(contents)
    }

    /// Changes the mode of what is there.
    pub(crate) fn mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let file = File::from(self.at(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Makes a symbolic link, after its directory. One that is there already stays.
    pub(crate) fn link(&self, path: &Path, target: &str) -> io::Result<()> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let directory = self.directory(path.parent().unwrap_or(Path::new("/")))?;
        match symlinkat(target, &directory, name) {
            Err(rustix::io::Errno::EXIST) => Ok(()),
            made => Ok(made?),
        }
    }

    fn own(&self, file: impl AsFd) -> io::Result<()> {
        self.owner.map_or(Ok(()), |(user, group)| fchown(file, Some(user), Some(group)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let (root, other) = (directory.path().join("root"), directory.path().join("other"));
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("secret"), "secret").unwrap();
        // Out of the zone as the machine sees it; in the zone there are no such directories.
        symlink(&other, root.join("absolute")).unwrap();
        symlink("../other", root.join("relative")).unwrap();
        symlink(other.join("secret"), root.join("etc/file")).unwrap();
        let zone = Confined::open(&root, None).unwrap();
        for link in ["/absolute/x", "/relative/x", "/absolute/deep/x"] {
            assert!(zone.write(Path::new(link), b"planted").is_err(), "{link}");
        }
        assert!(zone.read(Path::new("/etc/file")).is_err());
        assert!(zone.directory(Path::new("/etc/../../other/new")).is_err());
        zone.write(Path::new("/etc/file"), b"own").unwrap();
        assert!(!root.join("etc/file").is_symlink());
        assert_eq!(zone.read(Path::new("/etc/file")).unwrap(), b"own");
        let names: Vec<_> =
            fs::read_dir(&other).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"]);
        assert_eq!(fs::read_to_string(other.join("secret")).unwrap(), "secret");
        assert_eq!(fs::read_dir(root.join("etc")).unwrap().count(), 1, "no half-written file");
    }

    #[test]
    fn links_inside_are_the_zones_own() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("var/real")).unwrap();
        let zone = Confined::open(directory.path(), None).unwrap();
        zone.link(Path::new("/opt/name"), "/var/real").unwrap();
        zone.link(Path::new("/opt/name"), "/elsewhere").unwrap();
        zone.write(Path::new("/opt/name/etc/config"), b"{}").unwrap();
        let file = directory.path().join("var/real/etc/config");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        zone.mode(Path::new("/opt/name/etc/config"), 0o755).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
