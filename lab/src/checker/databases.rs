//! The shards whose databases were behind the names that routers know: a name can be an alias of another shard for a while.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The directory of the shards' own paths in ZooKeeper.
const SHARDS: &str = "/manatee/";

/// A line of a Moray's journal: from `at` on, in microseconds since 1970, requests to a name went to a primary, which was found at a
/// path in ZooKeeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServedFrom {
    pub(crate) at: u64,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) primary: SocketAddr,
}

impl ServedFrom {
    /// The line of a Moray that goes over to a primary now.
    pub(crate) fn now(name: &str, path: &str, primary: SocketAddr) -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        Self { at, name: name.to_owned(), path: path.to_owned(), primary }
    }
}

/// The times from which a Moray served out of a shard's database. `None`: out of nobody's.
type Times = Vec<(u64, Option<String>)>;

/// The shards whose databases were behind names, and when.
#[derive(Clone, Debug, Default)]
pub struct Databases {
    /// By name, of each of its Morays.
    served: BTreeMap<String, Vec<Times>>,
}

impl Databases {
    /// Reads the journals of all Morays in a directory. Without one every name is its own shard's.
    ///
    /// # Errors
    /// A journal cannot be read, or a line of it is none.
    pub fn read(directory: &Path) -> Result<Self, DatabasesError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DatabasesError { path, source }
        };
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries.map_err(failed(directory))?,
        };
        let mut journals = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed(directory))?.path();
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            let lines = text.lines().filter(|line| !line.is_empty());
            let parsed: Result<Vec<ServedFrom>, _> = lines.map(serde_json::from_str).collect();
            journals.push(parsed.map_err(|error| failed(&path)(error.into()))?);
        }
        Ok(Self::of(&journals))
    }

    /// The same from journals that were read.
    fn of(journals: &[Vec<ServedFrom>]) -> Self {
        // Whose a primary is tell the Morays that find it at its shard's own path.
        let own = |line: &ServedFrom| line.path.strip_prefix(SHARDS).map(str::to_owned);
        let owners: BTreeMap<SocketAddr, String> =
            journals.iter().flatten().filter_map(|line| Some((line.primary, own(line)?))).collect();
        let mut served: BTreeMap<String, Vec<Times>> = BTreeMap::new();
        for journal in journals {
            let mut of_moray: BTreeMap<&String, Times> = BTreeMap::new();
            for line in journal {
                let shard = own(line).or_else(|| owners.get(&line.primary).cloned());
                of_moray.entry(&line.name).or_default().push((line.at, shard));
            }
            for (name, times) in of_moray {
                served.entry(name.clone()).or_default().push(times);
            }
        }
        Self { served }
    }

    /// The shard in whose database a request of these times to a name was carried out. `None` if that cannot be told, because what is
    /// behind the name changed meanwhile.
    pub(super) fn behind<'a>(&'a self, name: &'a str, start: u64, end: u64) -> Option<&'a str> {
        let Some(morays) = self.served.get(name) else { return Some(name) };
        let mut found: Option<&str> = None;
        for times in morays {
            // The last one before, and all that began meanwhile.
            let first = times.iter().rposition(|(at, _)| *at <= start).unwrap_or(0);
            for (_, shard) in times.iter().skip(first).take_while(|(at, _)| *at <= end) {
                let shard = shard.as_deref()?;
                if found.is_some_and(|found| found != shard) {
                    return None;
                }
                found = Some(shard);
            }
        }
        Some(found.unwrap_or(name))
    }
}

/// The journal of a Moray cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub struct DatabasesError {
    /// The file or directory.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u64, name: &str, path: &str, primary: &str) -> ServedFrom {
        let (name, path) = (name.to_owned(), path.to_owned());
        ServedFrom { at, name, path, primary: primary.parse().unwrap() }
    }

    #[test]
    fn an_alias_is_what_is_behind_it() {
        let (switch, two, three) = ("/manta_reshard/switch/3.x", "/manatee/2.x", "/manatee/3.x");
        let (old, nowhere, new) = ("10.0.0.2:5432", "10.0.0.2:1", "10.0.0.3:5432");
        let databases = Databases::of(&[
            vec![line(1, "2.x", two, old)],
            vec![
                line(10, "3.x", switch, old),
                line(20, "3.x", switch, nowhere),
                line(21, "3.x", switch, new),
            ],
            // It follows a moment later, and has its own path in the end.
            vec![
                line(11, "3.x", switch, old),
                line(22, "3.x", switch, new),
                line(30, "3.x", three, new),
            ],
        ]);
        let behind = |name, start, end| databases.behind(name, start, end);
        assert_eq!(behind("2.x", 0, 100), Some("2.x"));
        assert_eq!(behind("3.x", 12, 15), Some("2.x"));
        assert_eq!(behind("3.x", 12, 20), None, "it may have waited");
        assert_eq!(behind("3.x", 21, 21), None, "one of them was there, and one was not");
        assert_eq!(behind("3.x", 22, 40), Some("3.x"));
        assert_eq!(behind("4.x", 22, 40), Some("4.x"), "nobody tells anything else");
    }

    #[test]
    fn what_is_not_there_tells_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let databases = Databases::read(&directory.path().join("none")).unwrap();
        assert_eq!(databases.behind("2.x", 0, 1), Some("2.x"));
        fs::write(directory.path().join("a.journal"), "nonsense\n").unwrap();
        assert!(Databases::read(directory.path()).is_err());
    }
}
