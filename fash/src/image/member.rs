//! The names that an image may hold, and their places.

use super::Refusal;
use crate::leveldb::FileKind;
use crate::stamp::Stamp;

/// The one directory at the root of an image.
pub(super) const ROOT: &str = "hash_ring";

/// The kind of a file in a ring's directory, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Belongs to the ring: LevelDB's data, or the stamp.
    Ring,
    /// LevelDB's lock, its log for people, its temporary files: left out of an image and not unpacked from one.
    Scratch,
}

/// The kind of the file, if a ring's directory has such files.
pub(super) fn kind(name: &str) -> Option<Kind> {
    if name == Stamp::FILE_NAME {
        return Some(Kind::Ring);
    }
    FileKind::of(name).map(|kind| match kind {
        FileKind::Current | FileKind::Manifest(_) | FileKind::Log(_) | FileKind::Table(_) => {
            Kind::Ring
        }
        FileKind::Lock | FileKind::InfoLog | FileKind::Temporary(_) => Kind::Scratch,
    })
}

/// A path in an image that obeys the rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Member {
    Root,
    File { name: String, kind: Kind },
}

impl Member {
    /// Parses a member's path: `hash_ring` or `hash_ring/<name>`, also with `./` before it.
    pub(super) fn parse(path: &[u8]) -> Result<Self, Refusal> {
        let path = str::from_utf8(path).map_err(|_| Refusal::UnknownName)?;
        if path.starts_with('/') {
            return Err(Refusal::AbsolutePath);
        }
        let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        if parts.clone().any(|part| part == "..") {
            return Err(Refusal::ParentDirectory);
        }
        if parts.next() != Some(ROOT) {
            return Err(Refusal::OutsideRoot);
        }
        match (parts.next(), parts.next()) {
            (None, _) => Ok(Self::Root),
            (Some(name), None) => {
                let kind = kind(name).ok_or(Refusal::UnknownName)?;
                Ok(Self::File { name: name.to_owned(), kind })
            }
            (Some(_), Some(_)) => Err(Refusal::Nested),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_ring_are_known_and_others_are_not() {
        for name in
            ["CURRENT", "MANIFEST-000002", "000003.log", "1.ldb", "000005.sst", Stamp::FILE_NAME]
        {
            assert_eq!(kind(name), Some(Kind::Ring), "{name}");
        }
        for name in ["LOCK", "LOG", "LOG.old", "000007.dbtmp"] {
            assert_eq!(kind(name), Some(Kind::Scratch), "{name}");
        }
        for name in ["", "current", "MANIFEST-", "MANIFEST-1a", ".log", "+1.log", "1.log.old"] {
            assert_eq!(kind(name), None, "{name}");
        }
    }

    #[test]
    fn paths_stay_in_the_one_directory() {
        let current = Member::File { name: "CURRENT".to_owned(), kind: Kind::Ring };
        for path in ["hash_ring/CURRENT", "./hash_ring/CURRENT", ".//hash_ring/./CURRENT"] {
            assert_eq!(Member::parse(path.as_bytes()).as_ref(), Ok(&current), "{path}");
        }
        for path in ["hash_ring", "hash_ring/", "./hash_ring/"] {
            assert_eq!(Member::parse(path.as_bytes()), Ok(Member::Root), "{path}");
        }
        for (path, refusal) in [
            ("/hash_ring/CURRENT", Refusal::AbsolutePath),
            ("hash_ring/../CURRENT", Refusal::ParentDirectory),
            ("../hash_ring/CURRENT", Refusal::ParentDirectory),
            ("CURRENT", Refusal::OutsideRoot),
            ("./", Refusal::OutsideRoot),
            ("", Refusal::OutsideRoot),
            ("other/CURRENT", Refusal::OutsideRoot),
            ("hash_ring/hash_ring/CURRENT", Refusal::Nested),
            ("hash_ring/passwd", Refusal::UnknownName),
            ("hash_ring/CURRENT\0", Refusal::UnknownName),
        ] {
            assert_eq!(Member::parse(path.as_bytes()), Err(refusal), "{path}");
        }
        assert_eq!(Member::parse(b"hash_ring/\xff"), Err(Refusal::UnknownName));
    }
}
