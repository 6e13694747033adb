//! The contents of the root directory of a new zone.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::ZoneError;
use crate::host::Account;
use crate::host::Confined;

/// The directories at which things get mounted, see [`crate::host::enter`].
const MOUNT_POINTS: [&str; 6] =
    ["usr", "proc", "dev", "etc/alternatives", "etc/java-17-openjdk", "opt/postgresql/current"];
/// Directories that belong to the zone.
const DIRECTORIES: [&str; 6] =
    ["root", "var/log/manatee", "var/svc", "opt/lab/bin", "opt/smartdc", "home"];
/// Directories in which everybody may write.
const TEMPORARY: [&str; 2] = ["tmp", "var/tmp"];
/// As on the machine, whose `/usr` the zone has.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files\n";
/// Login shells read `.bashrc` too, as in SmartOS.
const BASH_PROFILE: &str = "if [ -f ~/.bashrc ]; then . ~/.bashrc; fi\n";

/// A root directory in the making.
pub(super) struct Root<'a> {
    path: PathBuf,
    account: Option<&'a Account>,
}

impl<'a> Root<'a> {
    /// The root directory at a path. What is put into it belongs to `account`.
    pub(super) fn new(path: PathBuf, account: Option<&'a Account>) -> Self {
        Self { path, account }
    }

    /// Makes what every zone has. What is there already stays, but for files of these names.
    ///
    /// `hosts`: the names that resolve, with their addresses. `tools`: the paths of the commands that the lab stands in for.
    ///
    /// # Errors
    /// Something cannot be made.
    pub(super) fn lay_out(
        &self,
        hosts: &[(Ipv4Addr, String)],
        tools: &[String],
    ) -> Result<(), ZoneError> {
        self.directory("")?;
        for path in MOUNT_POINTS.iter().chain(&DIRECTORIES) {
            self.directory(path)?;
        }
        for path in TEMPORARY {
            self.directory(path)?;
            self.mode(path, 0o1777)?;
        }
        for name in MERGED {
            self.link(name, &format!("usr/{name}"))?;
        }
        self.tools(tools)?;
        let mut file = "127.0.0.1\tlocalhost\n".to_owned();
        for (address, name) in hosts {
            // A string takes any text.
            writeln!(file, "{address}\t{name}").unwrap_or_default();
        }
        self.file("etc/hosts", &file)?;
        self.file("etc/passwd", PASSWD)?;
        self.file("etc/group", GROUP)?;
        self.file("etc/nsswitch.conf", NSSWITCH)?;
        self.file("root/.bash_profile", BASH_PROFILE)?;
        self.file("opt/lab/program", "")?;
        self.file("opt/lab/fash", "")
    }

    /// Makes commands that the lab stands in for, at these paths.
    pub(super) fn tools(
        &self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), ZoneError> {
        self.directory("usr")?;
        for path in paths {
            self.link(path.as_ref(), "/opt/lab/program")?;
        }
        Ok(())
    }

    /// Makes a directory, and those that it is in.
    pub(super) fn directory(&self, path: impl AsRef<Path>) -> Result<(), ZoneError> {
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made
                .and_then(|()| self.account.map_or(Ok(()), |account| account.own(&self.path)))
                .map_err(ZoneError::file("make", self.path.clone()))?,
        }
        let path = path.as_ref();
        self.inside("make", path, |root| root.directory(path).map(drop))
    }

    /// Writes a file, after its directory.
    pub(super) fn file(&self, path: impl AsRef<Path>, contents: &str) -> Result<(), ZoneError> {
        let path = path.as_ref();
        self.inside("write", path, |root| root.write(path, contents.as_bytes()))
    }

    /// Changes the mode of a file.
    pub(super) fn mode(&self, path: &str, mode: u32) -> Result<(), ZoneError> {
        let path = Path::new(path);
        self.inside("change the mode of", path, |root| root.mode(path, mode))
    }

    fn link(&self, path: &str, target: &str) -> Result<(), ZoneError> {
        let path = Path::new(path);
        self.inside("make", path, |root| root.link(path, target))
    }

    /// Does something in the root directory, where links lead nowhere else.
    fn inside(
        &self,
        what: &'static str,
        path: &Path,
        work: impl FnOnce(&Confined) -> io::Result<()>,
    ) -> Result<(), ZoneError> {
        let whole = self.path.join(path.strip_prefix("/").unwrap_or(path));
        let done = Confined::open(&self.path, self.account).and_then(|root| work(&root));
        done.map_err(ZoneError::file(what, whole))
    }

    /// Removes everything but the entries `kept` of the root directory.
    ///
    /// # Errors
    /// Something cannot be removed.
    pub(super) fn clear(&self, kept: &[&str]) -> Result<(), ZoneError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(ZoneError::file("list", self.path.clone()))?,
        };
        for entry in entries {
            let entry = entry.map_err(ZoneError::file("list", self.path.clone()))?;
            if kept.iter().any(|kept| entry.file_name() == *kept) {
                continue;
            }
            let path = entry.path();
            let removed = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(error) => Err(error),
            };
            removed.map_err(ZoneError::file("remove", path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_root_is_made_cleared_and_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path().join("root"), None);
        let hosts = [(Ipv4Addr::new(127, 77, 0, 2), "sapi.lab-1.example.net".to_owned())];
        root.lay_out(&hosts, &["opt/lab/bin/svcs".to_owned()]).unwrap();
        let at = |path: &str| directory.path().join("root").join(path);
        let hosts_file = fs::read_to_string(at("etc/hosts")).unwrap();
        assert_eq!(hosts_file, "127.0.0.1\tlocalhost\n127.77.0.2\tsapi.lab-1.example.net\n");
        assert_eq!(fs::read_link(at("opt/lab/bin/svcs")).unwrap(), Path::new("/opt/lab/program"));
        root.file("/manatee/pg/data/x", "1").unwrap();
        root.clear(&["manatee"]).unwrap();
        assert!(at("manatee/pg/data/x").exists() && !at("etc").exists());
        root.lay_out(&[], &[]).unwrap();
        assert_eq!(fs::metadata(at("var/tmp")).unwrap().permissions().mode() & 0o7777, 0o1777);
    }
}
