//! Versions of PostgreSQL, and what is another in each.

/// The major version of a PostgreSQL: 12 of 12.22, and 9 of 9.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32);

impl Version {
    /// The version of this number.
    #[cfg(test)]
    pub(super) const fn of(major: u32) -> Self {
        Self(major)
    }

    /// From what a server says of itself: `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, `... 18beta1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (_, version) = text.split_once("(PostgreSQL) ")?;
        let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
        version.get(..end)?.parse().ok().map(Self)
    }

    /// Tells whether `initdb` lets the size of the write-ahead log's files be chosen. Before, they have 16 megabytes.
    pub(super) fn chooses_wal_segments(self) -> bool {
        self.0 >= 11
    }

    /// Tells whether there is a compiler of queries that can be turned off.
    pub(super) fn has_jit(self) -> bool {
        self.0 >= 11
    }

    /// Tells whether a standby is one by an empty file, `standby.signal`, and has its upstream in `postgresql.conf`. Before, both
    /// were in `recovery.conf`.
    pub(super) fn has_standby_signal(self) -> bool {
        self.0 >= 12
    }

    /// Tells whether the write-ahead log that is kept is counted in bytes. Before, it was in files.
    pub(super) fn keeps_wal_by_size(self) -> bool {
        self.0 >= 13
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_their_versions_in_many_ways() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 10.23", Some(10)),
            ("postgres (PostgreSQL) 9.6.3", Some(9)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) devel", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(text), major.map(Version), "{text}");
        }
    }
}
