//! The jars of a ZooKeeper.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Debian's jar of ZooKeeper, and those that its manifest forgets to name.
const DEBIAN: [&str; 7] = [
    "zookeeper.jar",
    "zookeeper-jute.jar",
    "slf4j-api.jar",
    "slf4j-nop.jar",
    "netty-all.jar",
    "metrics-core.jar",
    "snappy-java.jar",
];

/// The jar that a directory lacks to have a ZooKeeper: one as Debian has it, among the jars of others, or one whose names have
/// versions, with nothing beside it but what it needs.
pub(crate) fn missing_jar(jars: &Path) -> Option<&'static str> {
    if has_versions(jars) {
        return None;
    }
    DEBIAN.into_iter().find(|jar| !jars.join(jar).exists())
}

/// The class path of the ZooKeeper in a directory.
pub(super) fn class_path(jars: &Path) -> String {
    // The server works elsewhere.
    let jars = std::path::absolute(jars).unwrap_or_else(|_| jars.to_owned());
    if has_versions(&jars) {
        return jars.join("*").display().to_string();
    }
    DEBIAN.map(|jar| jars.join(jar).display().to_string()).join(":")
}

fn has_versions(jars: &Path) -> bool {
    if jars.join("zookeeper.jar").exists() {
        return false;
    }
    fs::read_dir(jars).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with("zookeeper-3.") && path.extension().is_some_and(|end| end == "jar")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jars_are_named_as_debian_does_or_with_versions() {
        let directory = tempfile::tempdir().unwrap();
        let jars = directory.path();
        assert_eq!(missing_jar(jars), Some("zookeeper.jar"));
        for jar in ["zookeeper-3.4.6.jar", "log4j-1.2.17.jar"] {
            fs::write(jars.join(jar), "").unwrap();
        }
        assert_eq!(missing_jar(jars), None);
        assert_eq!(class_path(jars), format!("{}/*", jars.display()));
        fs::write(jars.join("zookeeper.jar"), "").unwrap();
        assert_eq!(missing_jar(jars), Some("zookeeper-jute.jar"));
        assert!(class_path(jars).contains(&format!(":{}/slf4j-api.jar:", jars.display())));
    }
}
