//! The facts that a ring states about itself as a whole, and the checks that every opening makes.

use std::error::Error;
use std::path::Path;

use serde::Deserialize;

use super::error::StoreError;
use super::layout;
use crate::leveldb::View;
use crate::{Algorithm, Interval, Ring, Vnode, check_version};

/// The values that are there once in a ring.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) vnode_count: u32,
    pub(super) algorithm: Algorithm,
    pub(super) interval: Interval,
    pub(super) version: String,
}

/// The value of the key `ALGORITHM`. Its third member, `MAX`, follows from the name.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct AlgorithmValue {
    name: String,
    vnode_hash_interval: String,
}

/// The way to treat a missing `COMPLETE` or `VERSION`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    Required,
    /// A repair puts them back.
    Optional,
}

impl Header {
    /// Reads the header and makes node-fash's checks: the ring is complete, its version known, and its last vnode
    /// there.
    pub(super) fn read(view: &View, path: &Path, marks: Marks) -> Result<Self, StoreError> {
        let missing =
            |key: &str| StoreError::MissingKey { path: path.to_owned(), key: key.to_owned() };
        let required = marks == Marks::Required;
        if required && view.get(layout::COMPLETE.as_bytes())?.is_none() {
            return Err(StoreError::Incomplete { path: path.to_owned() });
        }
        let version = match view.get(layout::VERSION.as_bytes())? {
            Some(json) => parse(&json, path, layout::VERSION)?,
            None if required => return Err(missing(layout::VERSION)),
            None => crate::RING_VERSION.to_owned(),
        };
        check_version(&version)
            .map_err(|source| StoreError::Version { path: path.to_owned(), source })?;
        let json = view
            .get(layout::VNODE_COUNT.as_bytes())?
            .ok_or_else(|| missing(layout::VNODE_COUNT))?;
        let vnode_count: u32 = parse(&json, path, layout::VNODE_COUNT)?;
        if vnode_count == 0 {
            return Err(bad_value(path, layout::VNODE_COUNT, "a ring has at least one vnode"));
        }
        // Every vnode has two keys, which no compression makes smaller than a byte. A count that cannot be true must
        // not make us allocate memory for it.
        if u64::from(vnode_count) > view.size() {
            let problem =
                format!("it says {vnode_count}, for which the ring's files are too small");
            return Err(bad_value(path, layout::VNODE_COUNT, problem));
        }
        let json =
            view.get(layout::ALGORITHM.as_bytes())?.ok_or_else(|| missing(layout::ALGORITHM))?;
        let value: AlgorithmValue = parse(&json, path, layout::ALGORITHM)?;
        let algorithm: Algorithm =
            value.name.parse().map_err(|error| bad_value(path, layout::ALGORITHM, error))?;
        let interval = Interval::parse(algorithm, &value.vnode_hash_interval)
            .map_err(|source| StoreError::Interval { path: path.to_owned(), source })?;
        let last = layout::owner_key(Vnode::new(vnode_count - 1));
        if required && view.get(last.as_bytes())?.is_none() {
            return Err(missing(&last));
        }
        Ok(Self { vnode_count, algorithm, interval, version })
    }
}

/// The value of the key `ALGORITHM` of a ring.
pub(super) fn algorithm_value(ring: &Ring) -> String {
    let interval = ring.interval().to_string();
    serde_json::json!({
        "NAME": ring.algorithm().name(),
        "MAX": ring.algorithm().max(),
        "VNODE_HASH_INTERVAL": interval,
    })
    .to_string()
}

/// Reads the JSON value of a key.
pub(super) fn parse<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    path: &Path,
    key: &str,
) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| bad_value(path, key, error))
}

pub(super) fn bad_value(
    path: &Path,
    key: &str,
    problem: impl Into<Box<dyn Error + Send + Sync>>,
) -> StoreError {
    StoreError::BadValue { path: path.to_owned(), key: key.to_owned(), source: problem.into() }
}
