//! The places of PostgreSQL's programs, and their version.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;

use super::version::Version;
use crate::process::supervised;
use crate::programs::Programs as Installed;

/// The directory of the programs of one version of PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    directory: PathBuf,
    version: Version,
}

/// A directory has no PostgreSQL.
#[derive(Debug, Error)]
pub(crate) enum ProgramsError {
    /// The server does not say its version.
    #[error("cannot ask {} for its version", program.display())]
    Run {
        /// The server.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It says something that is not a version.
    #[error("{} says that its version is {said:?}", program.display())]
    Unknown {
        /// The server.
        program: PathBuf,
        /// Its answer.
        said: String,
    },
}

impl Programs {
    /// The programs in a directory, whose server is asked for its version.
    ///
    /// # Errors
    /// There is no server, or none of a version that is known.
    pub(crate) async fn find(directory: impl Into<PathBuf>) -> Result<Self, ProgramsError> {
        let directory = directory.into();
        let program = directory.join("postgres");
        let asked =
            supervised(&program, None).arg("--version").stderr(Stdio::inherit()).output().await;
        let output =
            asked.map_err(|source| ProgramsError::Run { program: program.clone(), source })?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match Version::parse(&said) {
            Some(version) => Ok(Self { directory, version }),
            None => Err(ProgramsError::Unknown { program, said }),
        }
    }

    /// The version.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The path of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The directory of the programs that are installed: of the PostgreSQL that was chosen, or else of the newest version. `None`:
/// there is no server.
pub(crate) fn installed(programs: &Installed) -> Option<PathBuf> {
    match &programs.postgres {
        // Sitters work elsewhere.
        Some(directory) => {
            Some(std::path::absolute(directory).ok()?.join("bin")).filter(|bin| has_server(bin))
        }
        None => newest_in(&programs.postgresql),
    }
}

/// Tells whether a directory has PostgreSQL's server.
pub(crate) fn has_server(directory: &Path) -> bool {
    directory.join("postgres").exists()
}

/// The programs of the newest version of those that have a directory each.
fn newest_in(versions: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(versions).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            has_server(&programs).then_some((version, programs))
        })
        .max_by_key(|(version, _)| *version)
        .map(|(_, programs)| programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_with_a_server_is_taken_unless_one_is_chosen() {
        let directory = tempfile::tempdir().unwrap();
        for version in ["9.6", "9", "13", "15", "16"] {
            fs::create_dir_all(directory.path().join(version).join("bin")).unwrap();
        }
        let versions = Installed { postgresql: directory.path().into(), ..Installed::default() };
        assert_eq!(installed(&versions), None);
        for version in ["9", "13", "15"] {
            fs::write(directory.path().join(version).join("bin/postgres"), "").unwrap();
        }
        assert_eq!(installed(&versions), Some(directory.path().join("15/bin")));
        let chosen = |version| Installed {
            postgres: Some(directory.path().join(version)),
            ..versions.clone()
        };
        assert_eq!(installed(&chosen("13")), Some(directory.path().join("13/bin")));
        assert_eq!(installed(&chosen("16")), None, "there is no server in it");
    }

    #[tokio::test]
    async fn a_server_says_its_version() {
        let bin = installed(&Installed::from_environment()).unwrap();
        assert!(Programs::find(&bin).await.unwrap().version() >= Version::of(10));
        let error = Programs::find("/no/such/directory").await.unwrap_err();
        assert!(error.to_string().contains("/no/such/directory/postgres"), "{error}");
    }
}
