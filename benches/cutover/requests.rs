//! The requests of a load, out of its log.

use std::collections::HashMap;
use std::path::Path;

use lab::load::log::{Line, LogReader, Node, Outcome, ReadResult};

use super::Result;

/// A request that has ended. Times are microseconds since 1970.
pub(crate) struct Request {
    /// The time at which it should have been made.
    pub(crate) due: u64,
    pub(crate) end: u64,
    pub(crate) is_write: bool,
    /// The name of the error, if it failed.
    pub(crate) error: Option<String>,
    /// True if the router says that the new shard's name answered it.
    pub(crate) by_new_name: bool,
}

impl Request {
    /// Its length, in milliseconds.
    pub(crate) fn millis(&self) -> f64 {
        super::figures::millis(self.end.saturating_sub(self.due))
    }
}

/// All requests of a load.
pub(crate) struct Requests(Vec<Request>);

impl Requests {
    pub(crate) fn read(log: &Path, new_shard: &str) -> Result<Self> {
        let reader = LogReader::open(log)?;
        let epoch = reader.header().epoch;
        let of_new = |node: Option<&Node>| node.is_some_and(|node| node.pnode.contains(new_shard));
        let (mut requests, mut due_of) = (Vec::new(), HashMap::new());
        for line in reader {
            let (due, end, is_write, error, by_new_name) = match line? {
                Line::Header(_) => continue,
                Line::Intent(intent) => {
                    due_of.insert(intent.id, intent.due);
                    continue;
                }
                Line::Outcome(line) => {
                    let Some(due) = due_of.remove(&line.id) else { continue };
                    let (error, by_new_name) = match &line.outcome {
                        Outcome::Acknowledged { node, .. } => (None, of_new(node.as_ref())),
                        Outcome::Refused { error } if is_answer(error) => (None, false),
                        Outcome::Refused { error } | Outcome::Unknown { error } => {
                            (Some(error.clone()), false)
                        }
                    };
                    (due, line.end, true, error, by_new_name)
                }
                Line::Read(line) => {
                    let (error, by_new_name) = match &line.result {
                        ReadResult::Found { node, .. } => (None, of_new(node.as_ref())),
                        ReadResult::Absent => (None, false),
                        ReadResult::Failed { error } => (Some(error.clone()), false),
                    };
                    (line.due, line.end, false, error, by_new_name)
                }
            };
            let (due, end) = (epoch + due, epoch + end);
            requests.push(Request { due, end, is_write, error, by_new_name });
        }
        Ok(Self(requests))
    }

    /// Those that were under way at some time of an interval.
    pub(crate) fn between(&self, from: u64, until: u64) -> impl Iterator<Item = &Request> {
        self.0.iter().filter(move |request| request.due <= until && request.end >= from)
    }
}

/// Tells whether an error is the shard's answer to a condition, and no failure.
fn is_answer(error: &str) -> bool {
    ["EtagConflictError", "ObjectNotFoundError", "UniqueAttributeError"].contains(&error)
}
