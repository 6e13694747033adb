//! The objects themselves: pure, the same for the same seed, number and ring.

use std::collections::VecDeque;

use fash::{Ring, Vnode};
use fastrand::Rng;
use serde_json::json;

use super::names;
use super::value::{Body, Entry};
use crate::electric_moray::key::hashed;
use crate::moray::etag::etag;

/// The time when the first object was made: in 2020.
pub(super) const EPOCH: i64 = 1_577_836_800_000;
/// The number of objects of a user.
const OBJECTS_OF_A_USER: u64 = 2000;
/// One in so many objects was committed by a batch.
const BATCHED: u64 = 100;
/// One in so many objects is an upload that is not finalized, one in so many is in the delete log, and so on.
const UPLOADS: u64 = 500;
const DELETED: u64 = 1000;
const FAST_DELETED: u64 = 2000;

/// A row of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedObject {
    /// Its bucket.
    pub bucket: &'static str,
    /// Its key.
    pub key: String,
    /// Its value, as JSON.
    pub value: String,
    /// Its etag.
    pub etag: String,
    /// The time when it was written, in milliseconds since 1970.
    pub mtime: i64,
    /// The column `_vnode`: nothing where a batch has written the row, or the bucket has no vnodes.
    pub vnode: Option<Vnode>,
    /// The vnode that it belongs to, whether or not the row says so. Of what has no vnode, one of the shard that it lies on.
    pub home: Vnode,
    /// The bucket's index columns, in the order of its configuration.
    pub columns: Vec<Option<String>>,
}

/// `count` rows of the bucket `manta`, and among them some of other buckets.
pub fn objects(seed: u64, count: u64, ring: &Ring) -> Objects<'_> {
    Objects {
        random: Rng::with_seed(seed),
        ring,
        left: count,
        number: 0,
        user: String::new(),
        left_of_user: 0,
        directory: String::new(),
        left_of_directory: 0,
        home: Vnode::new(0),
        others: VecDeque::new(),
    }
}

/// See [`objects`].
#[derive(Debug)]
pub struct Objects<'a> {
    random: Rng,
    ring: &'a Ring,
    /// Rows of `manta` yet to come.
    left: u64,
    /// Those that were.
    number: u64,
    user: String,
    left_of_user: u64,
    directory: String,
    left_of_directory: u64,
    /// The vnode of what is in the directory.
    home: Vnode,
    /// Rows of other buckets.
    others: VecDeque<SeedObject>,
}

impl Iterator for Objects<'_> {
    type Item = SeedObject;

    fn next(&mut self) -> Option<SeedObject> {
        if let Some(other) = self.others.pop_front() {
            return Some(other);
        }
        self.left = self.left.checked_sub(1)?;
        self.number += 1;
        if self.left_of_user == 0 {
            return Some(self.new_user());
        }
        self.left_of_user -= 1;
        if self.left_of_directory == 0 {
            return Some(self.new_directory());
        }
        self.left_of_directory -= 1;
        Some(self.new_object())
    }
}

impl Objects<'_> {
    fn vnode_of(&self, bucket: &str, key: &str) -> Vnode {
        // There is no key without a vnode, but in theory.
        self.ring.vnode_of(hashed(bucket, key).as_bytes()).unwrap_or(Vnode::new(0))
    }

    /// A user's `/stor`, which is in itself: its directory is what is hashed.
    fn new_user(&mut self) -> SeedObject {
        self.user = names::uuid(&mut self.random);
        self.left_of_user = OBJECTS_OF_A_USER;
        self.left_of_directory = 0;
        self.directory = format!("/{}/stor", self.user);
        let key = self.directory.clone();
        self.row(&key, &key, "stor", None)
    }

    fn new_directory(&mut self) -> SeedObject {
        let name = names::directory(&mut self.random, self.number);
        // Every third is in the one before.
        let parent = match self.random.u8(..3) {
            0 => self.directory.clone(),
            _ => format!("/{}/stor", self.user),
        };
        let key = format!("{parent}/{name}");
        let row = self.row(&parent, &key, &name, None);
        // Most have few entries, some have many.
        self.left_of_directory = match self.random.u8(..100) {
            0 => self.random.u64(100..300),
            1..10 => self.random.u64(20..60),
            _ => self.random.u64(1..9),
        };
        self.home = self.vnode_of("manta", &format!("{key}/_"));
        self.directory = key;
        row
    }

    fn new_object(&mut self) -> SeedObject {
        let name = names::object(&mut self.random, self.number);
        let (directory, key) = (self.directory.clone(), format!("{}/{name}", self.directory));
        let content = Body::new(&mut self.random);
        let row = self.row(&directory, &key, &name, Some(content.clone()));
        let chance = self.random.u64(..);
        if chance.is_multiple_of(UPLOADS) {
            let upload = self.upload(&key);
            self.others.push_back(upload);
        }
        if chance.is_multiple_of(DELETED) {
            let old = Body::new(&mut self.random);
            let value = Entry::new(
                [&directory, &key, &name, &self.user],
                row.mtime,
                Some(old.clone()),
                None,
            )
            .to_json();
            let log_key = format!("/{}/{}", old.object_id, row.mtime);
            self.log("manta_delete_log", log_key, value, row.mtime, vec![Some(old.object_id)]);
        }
        if chance.is_multiple_of(FAST_DELETED) {
            let old = Body::new(&mut self.random);
            let value = Entry::new(
                [&directory, &key, &name, &self.user],
                row.mtime,
                Some(old.clone()),
                None,
            )
            .to_json();
            self.log("manta_fastdelete_queue", old.object_id, value, row.mtime, Vec::new());
        }
        row
    }

    /// A row of `manta`: of an object, or of a directory if it has no content.
    fn row(&mut self, dirname: &str, key: &str, name: &str, content: Option<Body>) -> SeedObject {
        let mtime = EPOCH + i64::try_from(self.number).unwrap_or(0) * 1000;
        let home = if content.is_some() { self.home } else { self.vnode_of("manta", key) };
        let batched = content.is_some() && self.random.u64(..BATCHED) == 0;
        let vnode = (!batched).then_some(home);
        let object_id = content.as_ref().map(|content| content.object_id.clone());
        let kind = if content.is_some() { "object" } else { "directory" };
        let parts = [dirname, key, name, &self.user];
        let value = Entry::new(parts, mtime, content, vnode.map(Vnode::number)).to_json();
        let columns = vec![
            Some(dirname.to_owned()),
            Some(name.to_owned()),
            Some(self.user.clone()),
            object_id,
            Some(kind.to_owned()),
        ];
        SeedObject {
            bucket: "manta",
            key: key.to_owned(),
            etag: etag(&value),
            value,
            mtime,
            vnode,
            home,
            columns,
        }
    }

    /// An upload of which the object is not yet there, or, in a batch, one that has just become the object.
    fn upload(&mut self, object: &str) -> SeedObject {
        let id = names::uuid(&mut self.random);
        let committed = self.random.bool();
        let key = format!("{id}:{object}");
        let home = self.vnode_of("manta_uploads", &key);
        let mtime = EPOCH + i64::try_from(self.number).unwrap_or(0) * 1000;
        let finalizing = if committed { "commit" } else { "abort" };
        let mut value = json!({"finalizingType": finalizing, "uploadId": id, "owner": self.user,
            "md5": names::md5(&mut self.random), "objectPath": object, "objectId": names::uuid(&mut self.random)});
        if let (false, Some(members)) = (committed, value.as_object_mut()) {
            members.insert("vnode".to_owned(), home.number().into());
        }
        let value = value.to_string();
        SeedObject {
            bucket: "manta_uploads",
            key,
            etag: etag(&value),
            value,
            mtime,
            vnode: (!committed).then_some(home),
            home,
            columns: vec![Some(finalizing.to_owned()), Some(id)],
        }
    }

    /// A row of a bucket that has no vnodes, on the shard of the present directory.
    fn log(
        &mut self,
        bucket: &'static str,
        key: String,
        value: String,
        mtime: i64,
        columns: Vec<Option<String>>,
    ) {
        let (etag, home) = (etag(&value), self.home);
        self.others.push_back(SeedObject {
            bucket,
            key,
            value,
            etag,
            mtime,
            vnode: None,
            home,
            columns,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use fash::Algorithm;
    use serde_json::Value;

    use super::*;

    fn ring() -> Ring {
        let pnodes = ["a", "b"].map(|name| name.parse().unwrap());
        Ring::create(Algorithm::Sha256, 16_384, pnodes).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_objects() {
        let ring = ring();
        assert!(objects(7, 500, &ring).eq(objects(7, 500, &ring)));
        assert!(objects(7, 500, &ring).ne(objects(8, 500, &ring)));
        assert_eq!(objects(7, 500, &ring).filter(|row| row.bucket == "manta").count(), 500);
    }

    #[test]
    fn objects_are_realistic() {
        let ring = ring();
        let all: Vec<_> = objects(1, 20_000, &ring).collect();
        let manta: Vec<_> = all.iter().filter(|row| row.bucket == "manta").collect();
        let keys: HashSet<_> = manta.iter().map(|row| &row.key).collect();
        assert_eq!(keys.len(), 20_000);
        let unknown = manta.iter().filter(|row| row.vnode.is_none()).count();
        assert!((100..300).contains(&unknown), "{unknown} rows have no vnode");
        let bytes: usize = manta.iter().map(|row| row.value.len()).sum();
        assert!((550..750).contains(&(bytes / 20_000)), "{} bytes", bytes / 20_000);
        for bucket in ["manta_uploads", "manta_delete_log", "manta_fastdelete_queue"] {
            assert!(all.iter().any(|row| row.bucket == bucket), "{bucket}");
        }
    }

    #[test]
    fn every_row_is_at_home_and_says_so_unless_a_batch_wrote_it() {
        let ring = ring();
        for row in objects(3, 3000, &ring) {
            if row.bucket.ends_with("log") || row.bucket.ends_with("queue") {
                assert_eq!(row.vnode, None);
                continue;
            }
            let key = hashed(row.bucket, &row.key);
            assert_eq!(ring.vnode_of(key.as_bytes()).unwrap(), row.home, "{}", row.key);
            let value: Value = serde_json::from_str(&row.value).unwrap();
            assert_eq!(
                value.get("vnode").and_then(Value::as_u64),
                row.vnode.map(|v| v.number().into())
            );
            assert_eq!(row.etag, etag(&row.value));
        }
    }
}
