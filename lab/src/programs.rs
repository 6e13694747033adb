//! Where the programs of this machine are that labs need.

use std::path::PathBuf;

/// Where the programs of this machine are that labs need. Its default is where Debian has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Directories of commands, such as `java` and `setpriv`. They are run by their names: these are to be the directories
    /// of the variable `PATH`. Default: `/usr/bin`, `/bin`, `/usr/sbin` and `/sbin`.
    pub commands: Vec<PathBuf>,
    /// The directory with one of PostgreSQL's versions each. Default: `/usr/lib/postgresql`.
    pub postgresql: PathBuf,
    /// The directory with ZooKeeper's jars and those that it needs. Default: `/usr/share/java`.
    pub jars: PathBuf,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            commands: ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(PathBuf::from).into(),
            postgresql: "/usr/lib/postgresql".into(),
            jars: "/usr/share/java".into(),
        }
    }
}
