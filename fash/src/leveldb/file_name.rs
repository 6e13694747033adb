//! Names of the files in a LevelDB directory (`db/filename.cc` of LevelDB 1.20).

use std::path::{Path, PathBuf};

pub(crate) const CURRENT: &str = "CURRENT";
pub(crate) const LOCK: &str = "LOCK";

/// The use of a file in a LevelDB directory. Other files are none of LevelDB's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `CURRENT`: the name of the MANIFEST in force.
    Current,
    /// `LOCK`: the file whose lock makes a process the only one.
    Lock,
    /// `LOG`, `LOG.old`: text for people.
    InfoLog,
    /// `MANIFEST-NUMBER`: which tables there are.
    Manifest(u64),
    /// `NUMBER.log`: changes that are in no table yet.
    Log(u64),
    /// `NUMBER.ldb`, or `NUMBER.sst` before LevelDB 1.14: sorted, immutable entries.
    Table(u64),
    /// `NUMBER.dbtmp`: a CURRENT in the making.
    Temporary(u64),
}

impl FileKind {
    /// The kind of file that has this name, if it is one of LevelDB's.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            CURRENT => return Some(Self::Current),
            LOCK => return Some(Self::Lock),
            "LOG" | "LOG.old" => return Some(Self::InfoLog),
            _ => {}
        }
        if let Some(digits) = name.strip_prefix("MANIFEST-") {
            return number(digits).map(Self::Manifest);
        }
        let (digits, extension) = name.split_once('.')?;
        let number = number(digits)?;
        match extension {
            "log" => Some(Self::Log(number)),
            "ldb" | "sst" => Some(Self::Table(number)),
            "dbtmp" => Some(Self::Temporary(number)),
            _ => None,
        }
    }
}

fn number(digits: &str) -> Option<u64> {
    // `parse` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

pub(crate) fn manifest_name(number: u64) -> String {
    format!("MANIFEST-{number:06}")
}

pub(crate) fn log_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:06}.log"))
}

/// The path of a new table.
pub(crate) fn table_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:06}.ldb"))
}

/// The path that LevelDB before 1.14 gave a table.
pub(crate) fn old_table_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:06}.sst"))
}

pub(crate) fn temporary_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:06}.dbtmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert_eq!(FileKind::of("CURRENT"), Some(FileKind::Current));
        assert_eq!(FileKind::of("MANIFEST-000196"), Some(FileKind::Manifest(196)));
        assert_eq!(FileKind::of("000044.sst"), Some(FileKind::Table(44)));
        assert_eq!(FileKind::of("1000044.ldb"), Some(FileKind::Table(1_000_044)));
        assert_eq!(FileKind::of("000003.log"), Some(FileKind::Log(3)));
        for other in ["", "MANIFEST-", "MANIFEST-+1", "x.log", "-1.log", "1.txt", "lost+found"] {
            assert_eq!(FileKind::of(other), None, "{other}");
        }
    }
}
