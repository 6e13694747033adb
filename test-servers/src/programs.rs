//! The places of the servers' programs.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Debian's jar of ZooKeeper, and those that its manifest forgets to name.
const JARS: [&str; 7] = [
    "zookeeper.jar",
    "zookeeper-jute.jar",
    "slf4j-api.jar",
    "slf4j-nop.jar",
    "netty-all.jar",
    "metrics-core.jar",
    "snappy-java.jar",
];

fn named(variable: &str) -> Option<PathBuf> {
    let directory = env::var_os(variable).filter(|value| !value.is_empty())?;
    Some(std::path::absolute(directory).unwrap())
}

/// The directory of PostgreSQL's programs: of the version that `RESHARD_POSTGRESQL` names, or else Debian's newest.
pub fn postgresql_programs() -> PathBuf {
    if let Some(directory) = named("RESHARD_POSTGRESQL") {
        return directory.join("bin");
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .filter(|(_, path)| path.join("bin/postgres").exists())
        .max_by_key(|(version, _)| *version);
    let (_, newest) =
        newest.unwrap_or_else(|| panic!("there is no PostgreSQL: apt-get install postgresql"));
    newest.join("bin")
}

pub(crate) fn program(name: &str) -> PathBuf {
    postgresql_programs().join(name)
}

/// The major version of that PostgreSQL.
pub fn postgresql_version() -> u32 {
    static VERSION: OnceLock<u32> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let output = Command::new(program("postgres")).arg("--version").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, version) = text.split_once("(PostgreSQL) ").unwrap();
        version.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    })
}

/// The class path of the ZooKeeper that `RESHARD_ZOOKEEPER` names, or else of Debian's.
pub(crate) fn class_path() -> String {
    match named("RESHARD_ZOOKEEPER") {
        Some(directory) if !has_debians(&directory) => directory.join("*").display().to_string(),
        directory => {
            let directory = directory.unwrap_or_else(|| "/usr/share/java".into());
            assert!(
                has_debians(&directory),
                "there is no ZooKeeper: apt-get install libzookeeper-java"
            );
            JARS.map(|jar| directory.join(jar).display().to_string()).join(":")
        }
    }
}

/// Debian's names have no versions, and are among many others.
fn has_debians(directory: &Path) -> bool {
    directory.join(OsStr::new(JARS[0])).exists()
}
