//! The places of rows: what of a key is hashed, and to which vnode.
//!
//! These are the rules of electric-moray (`lib/schema/manta.js`), for where it looks for a row is where the row has to be.

use fash::{Algorithm, HashOutOfRange, Interval, KeyEncoding, Ring, Vnode};
use serde::{Deserialize, Serialize};

/// The bucket of the counters of directories, whose keys are the directories.
const COUNTERS: &str = "manta_directory_counts";

/// The part of a key that is hashed, by the rules of its bucket.
///
/// An object goes with its directory; the root of an account's `stor` goes with its own children. The counters of
/// directories have the directories as their keys, and so go with the entries. An upload goes with the object that it
/// becomes.
///
/// ```
/// use reshard_core::hashed_part;
///
/// assert_eq!(hashed_part("manta", "/a/stor/photos/cat.jpg"), "/a/stor/photos");
/// assert_eq!(hashed_part("manta_directory_counts", "/a/stor/photos"), "/a/stor/photos");
/// ```
pub fn hashed_part<'a>(bucket: &str, key: &'a str) -> &'a str {
    match bucket {
        "manta" | "testmanta" => directory(key),
        "manta_uploads" => key.split_once(':').map_or(key, |(_, object)| directory(object)),
        _ => key,
    }
}

fn directory(key: &str) -> &str {
    if is_stor_root(key) {
        return key;
    }
    // POSIX dirname as Node 6 has it: trailing slashes do not count; nothing is normalised.
    let entry = key.trim_end_matches('/');
    match entry.rfind('/') {
        Some(0) => "/",
        // Two slashes at the beginning are kept, as POSIX allows.
        Some(1) if entry.starts_with("//") => "//",
        Some(end) => match entry.get(..end) {
            // What has no directory but itself stays whole.
            None | Some(".") => key,
            Some(directory) => directory,
        },
        None if entry.is_empty() && !key.is_empty() => "/",
        None => key,
    }
}

/// Tells whether the key is `/<uuid>/stor`, the UUID in lower case.
fn is_stor_root(key: &str) -> bool {
    let Some(uuid) = key.strip_prefix('/').and_then(|rest| rest.strip_suffix("/stor")) else {
        return false;
    };
    let groups: Vec<&str> = uuid.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The vnodes of keys: how a ring hashes, without who owns what. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "KeyHashText", try_from = "KeyHashText")]
pub struct KeyHash {
    interval: Interval,
    vnode_count: u32,
}

/// Its form in plans.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyHashText {
    algorithm: String,
    interval: String,
    vnode_count: u32,
}

impl From<KeyHash> for KeyHashText {
    fn from(hash: KeyHash) -> Self {
        Self {
            algorithm: hash.interval.algorithm().to_string(),
            interval: hash.interval.to_string(),
            vnode_count: hash.vnode_count,
        }
    }
}

impl TryFrom<KeyHashText> for KeyHash {
    type Error = Box<dyn std::error::Error>;

    fn try_from(text: KeyHashText) -> Result<Self, Self::Error> {
        let algorithm: Algorithm = text.algorithm.parse()?;
        let interval = Interval::parse(algorithm, &text.interval)?;
        Ok(Self { interval, vnode_count: text.vnode_count })
    }
}

impl KeyHash {
    /// As this ring hashes.
    pub fn of(ring: &Ring) -> Self {
        Self { interval: ring.interval().clone(), vnode_count: ring.vnode_count() }
    }

    /// With this interval and so many vnodes.
    pub fn new(interval: Interval, vnode_count: u32) -> Self {
        Self { interval, vnode_count }
    }

    /// The number of vnodes.
    pub fn vnode_count(&self) -> u32 {
        self.vnode_count
    }

    /// The width of a vnode's share of the hashes.
    pub fn interval(&self) -> &Interval {
        &self.interval
    }

    /// The vnode at whose owner the routers look for a key of a bucket.
    ///
    /// # Errors
    ///
    /// [`HashOutOfRange`]: the key's hash lies beyond the last vnode, which only rings with an odd interval have.
    pub fn vnode_of_key(&self, bucket: &str, key: &str) -> Result<Vnode, HashOutOfRange> {
        let hashed = KeyEncoding::Utf8.encode(hashed_part(bucket, key));
        self.interval.vnode_of(&hashed, self.vnode_count)
    }

    /// The vnode of everything directly below a directory, such as `/a3829ca2-…/stor/photos`: all entries of one directory
    /// are in one vnode. (The directory itself is an entry of its parent.)
    ///
    /// ```
    /// use fash::{Algorithm, Ring};
    /// use reshard_core::KeyHash;
    ///
    /// let hash = KeyHash::of(&Ring::create(Algorithm::Sha256, 1024, ["tcp://1.moray.example.com:2020".parse()?])?);
    /// let directory = hash.vnode_of_directory("/a/stor/photos")?;
    /// assert_eq!(directory, hash.vnode_of_key("manta", "/a/stor/photos/cat.jpg")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HashOutOfRange`], as [`KeyHash::vnode_of_key`].
    pub fn vnode_of_directory(&self, directory: &str) -> Result<Vnode, HashOutOfRange> {
        let trimmed = directory.trim_end_matches('/');
        let directory = if trimmed.is_empty() { "/" } else { trimmed };
        self.vnode_of_key(COUNTERS, directory)
    }

    /// The vnode of a row: its `_vnode`, or where that is NULL, as batches leave it, the vnode that its key hashes to.
    ///
    /// # Errors
    ///
    /// [`RowVnodeError`]
    pub fn vnode_of_row(
        &self,
        table: &str,
        key: &str,
        vnode: Option<i64>,
    ) -> Result<Vnode, RowVnodeError> {
        let Some(number) = vnode else { return Ok(self.vnode_of_key(table, key)?) };
        match u32::try_from(number) {
            Ok(number) if number < self.vnode_count => Ok(Vnode::new(number)),
            Ok(_) | Err(_) => Err(RowVnodeError::NoSuchVnode {
                table: table.to_owned(),
                key: key.to_owned(),
                vnode: number,
                vnode_count: self.vnode_count,
            }),
        }
    }
}

/// A row belongs to no vnode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowVnodeError {
    /// Its `_vnode` is none of the ring's.
    #[error(
        "the row {key:?} of {table} has _vnode {vnode}, but the ring has only {vnode_count} vnodes"
    )]
    NoSuchVnode {
        /// The table.
        table: String,
        /// The row's key.
        key: String,
        /// The row's `_vnode`.
        vnode: i64,
        /// The number of vnodes that the ring has.
        vnode_count: u32,
    },
    /// Its `_vnode` is NULL, and its key's hash lies beyond the last vnode.
    #[error(transparent)]
    Hash(#[from] HashOutOfRange),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fash::Pnode;
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        manta: BTreeMap<String, String>,
        manta_uploads: BTreeMap<String, String>,
        other: BTreeMap<String, String>,
    }

    fn golden() -> Golden {
        let text = include_str!("../testdata/key-transforms.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn keys_are_transformed_as_electric_moray_does() {
        let golden = golden();
        assert!(golden.manta.len() > 40 && golden.manta_uploads.len() == 10);
        for (key, hashed) in &golden.manta {
            assert_eq!(hashed_part("manta", key), hashed, "manta {key:?}");
            assert_eq!(hashed_part("testmanta", key), hashed, "testmanta {key:?}");
        }
        for (key, hashed) in &golden.manta_uploads {
            assert_eq!(hashed_part("manta_uploads", key), hashed, "manta_uploads {key:?}");
        }
    }

    #[test]
    fn other_buckets_hash_the_whole_key() {
        // Names that every JavaScript object has, on which electric-moray stumbles, are no names of Manta's buckets.
        let stumbling = ["toString", "hasOwnProperty", "valueOf"];
        for (bucket, hashed) in golden().other {
            if stumbling.contains(&bucket.as_str()) {
                continue;
            }
            let (_, key) = hashed.split_once(": ").unwrap();
            assert_eq!(hashed_part(&bucket, key), key, "{bucket}");
        }
    }

    fn hash() -> KeyHash {
        let pnode: Pnode = "tcp://1.moray.lab.example.net:2020".parse().unwrap();
        KeyHash::of(&Ring::create(Algorithm::Sha256, 1024, [pnode]).unwrap())
    }

    #[test]
    fn plans_have_how_keys_are_hashed() {
        let text = serde_json::to_string(&hash()).unwrap();
        assert_eq!(serde_json::from_str::<KeyHash>(&text).unwrap(), hash());
        let odd = text.replace("\"SHA256\"", "\"rot13\"").replace("sha256", "rot13");
        assert!(serde_json::from_str::<KeyHash>(&odd.replace("sha-256", "rot13")).is_err());
    }

    #[test]
    fn a_row_without_a_vnode_belongs_where_its_key_says() {
        let hash = hash();
        let key = "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/a";
        let counter = "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor";
        let of_key = hash.vnode_of_key("manta", key).unwrap();
        assert_eq!(hash.vnode_of_row("manta", key, None), Ok(of_key));
        assert_eq!(hash.vnode_of_row("manta_directory_counts", counter, None), Ok(of_key));
        assert_eq!(hash.vnode_of_row("manta", key, Some(7)), Ok(Vnode::new(7)));
        for wrong in [-1, 1024, i64::MAX] {
            let error = hash.vnode_of_row("manta", key, Some(wrong)).unwrap_err();
            assert!(error.to_string().contains("has only 1024 vnodes"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn entries_of_a_directory_go_together(
            directory in "(/[a-z:é\n]{1,9}){1,5}",
            names in proptest::collection::vec("[a-z.:é ]{1,9}", 1..5),
        ) {
            let hash = hash();
            let together = hash.vnode_of_directory(&directory).unwrap();
            prop_assert_eq!(hash.vnode_of_key("manta_directory_counts", &directory), Ok(together));
            prop_assert_eq!(hash.vnode_of_directory(&format!("{directory}/")), Ok(together));
            for name in names {
                let key = format!("{directory}/{name}");
                prop_assert_eq!(hash.vnode_of_key("manta", &key).unwrap(), together);
                let upload = format!("0b1c:{key}");
                prop_assert_eq!(hash.vnode_of_key("manta_uploads", &upload).unwrap(), together);
            }
        }

        #[test]
        fn any_text_has_a_part_that_is_hashed(key in ".*", slashes in "[/.a:]{0,12}") {
            for key in [key, slashes] {
                for bucket in ["manta", "manta_uploads", "manta_directory_counts"] {
                    prop_assert!(hashed_part(bucket, &key).len() <= key.len());
                }
            }
        }
    }
}
