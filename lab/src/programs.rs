//! The places of the programs of this machine that labs need.

use std::path::PathBuf;

/// Names the directory of one installation of PostgreSQL: [`Programs::postgres`].
const POSTGRES: &str = "RESHARD_POSTGRESQL";
/// Names a directory with ZooKeeper's jars: [`Programs::jars`].
const ZOOKEEPER: &str = "RESHARD_ZOOKEEPER";

/// The places of the programs of this machine that labs need. Its default is where Debian has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Directories of commands, such as `java` and `setpriv`. They are run by their names: these are to be the directories
    /// of the variable `PATH`. Default: `/usr/bin`, `/bin`, `/usr/sbin` and `/sbin`.
    pub commands: Vec<PathBuf>,
    /// The directory with one of PostgreSQL's versions each, of which the newest is run. Default: `/usr/lib/postgresql`.
    pub postgresql: PathBuf,
    /// The directory of the PostgreSQL to run instead, with its programs in `bin`: of the versions 10 to 17. Default: none.
    pub postgres: Option<PathBuf>,
    /// The directory with ZooKeeper's jars and those that it needs. Default: `/usr/share/java`.
    pub jars: PathBuf,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            commands: ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(PathBuf::from).into(),
            postgresql: "/usr/lib/postgresql".into(),
            postgres: None,
            jars: "/usr/share/java".into(),
        }
    }
}

impl Programs {
    /// As Debian has them, but for what the environment names: `RESHARD_POSTGRESQL` is [`Self::postgres`] and
    /// `RESHARD_ZOOKEEPER` is [`Self::jars`].
    pub fn from_environment() -> Self {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let default = Self::default();
        Self {
            postgres: named(POSTGRES).map(PathBuf::from),
            jars: named(ZOOKEEPER).map_or(default.jars, PathBuf::from),
            ..default
        }
    }
}
