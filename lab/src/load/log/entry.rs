//! The lines of a log.

use serde::{Deserialize, Serialize};

use super::WriteId;

/// The version of the log's format.
pub const VERSION: u32 = 1;

/// A line of a log, such as `{"intent":{"id":1,…}}`. All times are microseconds since the header's epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// A write is about to be tried.
    Intent(Intent),
    /// The outcome of a write.
    Outcome(OutcomeLine),
    /// A read, when it is over.
    Read(ReadLine),
}

/// The run that the log is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// The run: that of all [ids](WriteId::run) in the log.
    pub run: u32,
    /// The time at which the times in the log begin, in microseconds since 1970.
    pub epoch: u64,
    /// Nobody but this run writes objects whose keys have one of these in them, and there were none before.
    pub prefixes: Vec<String>,
}

/// An attempt to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt's number in the log.
    pub id: u64,
    /// The time at which it should have been made. Latencies count from here.
    pub due: u64,
    /// The time at which it was made.
    pub start: u64,
    /// True if it is a `batch`. Rows written by a batch have a null in their column `_vnode`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
    /// The changes that are to be made, all or nothing.
    pub changes: Vec<Change>,
}

/// The change of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The object's bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The action that is done with it.
    pub action: Action,
    /// The id, which the value carries.
    pub write: WriteId,
    /// The condition on what is there.
    #[serde(rename = "if", default, skip_serializing_if = "Condition::is_any")]
    pub condition: Condition,
}

/// The action that is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is put.
    Put,
    /// It is deleted.
    Delete,
}

/// The condition on what is there for a change to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Anything or nothing.
    #[default]
    Any,
    /// No object.
    Absent,
    /// The object with this etag.
    Is(String),
}

impl Condition {
    pub(crate) fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

/// The outcome of an attempt to write, as a line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeLine {
    /// The attempt's number.
    pub id: u64,
    /// The time at which its outcome was known.
    pub end: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// The times that it went on to another router, because it could not be sent to one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

/// The outcome of an attempt to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Acknowledged {
        /// The etags that the objects have now, in the order of the changes. None for what was deleted.
        etags: Vec<Option<String>>,
        /// The place where it was done, if the router tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Node>,
    },
    /// It was certainly not done.
    Refused {
        /// The error's name.
        error: String,
    },
    /// It may have been done, or may yet be.
    Unknown {
        /// The error.
        error: String,
    },
}

/// The place on its ring where a router found a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The shard's name, such as `tcp://1.moray.example.com:2020`.
    pub pnode: String,
    /// The vnode.
    pub vnode: u32,
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLine {
    /// The time at which it should have been made.
    pub due: u64,
    /// The time at which it was made.
    pub start: u64,
    /// The time at which it was over.
    pub end: u64,
    /// The object's bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The result.
    pub result: ReadResult,
    /// The times that it went on to another router, because it could not be sent to one or the connection broke.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadResult {
    /// An object.
    Found {
        /// The id in its value. None if it was not written by a load.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        write: Option<WriteId>,
        /// Its etag.
        etag: String,
        /// The place where it was, if the router tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Node>,
    },
    /// No object.
    Absent,
    /// It failed.
    Failed {
        /// The error.
        error: String,
    },
}
