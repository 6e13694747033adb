//! Where PostgreSQL's programs are.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the programs of one version of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// The programs in a directory.
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// The programs of the newest version of those that have a directory each. `None`: no version has a server.
    pub(crate) fn newest_in(versions: &Path) -> Option<Self> {
        let entries = fs::read_dir(versions).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let version: u32 = entry.file_name().to_str()?.parse().ok()?;
                let programs = entry.path().join("bin");
                programs.join("postgres").exists().then_some((version, programs))
            })
            .max_by_key(|(version, _)| *version)
            .map(|(_, programs)| Self(programs))
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_with_a_server_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        for version in ["9.6", "9", "13", "15", "16"] {
            fs::create_dir_all(directory.path().join(version).join("bin")).unwrap();
        }
        assert_eq!(Programs::newest_in(directory.path()), None);
        for version in ["9", "13", "15"] {
            fs::write(directory.path().join(version).join("bin/postgres"), "").unwrap();
        }
        let programs = Programs::newest_in(directory.path()).unwrap();
        assert_eq!(programs.program("initdb"), directory.path().join("15/bin/initdb"));
    }
}
