//! Keys that a router does not find although their owner has them.

use std::collections::BTreeMap;

use super::sample::shard_of;
use super::{AuditError, Expected, RouterAddress, STATEMENT_TIMEOUT, ask, bucket};
use crate::deployment::{Database, Deployment};
use crate::region::Moray;
use crate::retryable::Retryable;
use crate::rows::{RowsError, connect_primary};

/// The number of times that keys are asked for again that clients delete and write all the while.
const ROUNDS: usize = 5;

/// The reason that it is not known whether a router overlooks keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OverlookedError {
    /// Their owner does not tell.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The router does not tell.
    #[error(transparent)]
    Router(#[from] AuditError),
}

impl Retryable for OverlookedError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Rows(source) => source.may_pass(),
            Self::Router(source) => source.may_pass(),
        }
    }
}

/// The mark that tells the rows of keys from others that had the same keys: their `_id`, or `_idx` where they have that instead.
type Ids = BTreeMap<String, Option<String>>;

/// Those of the keys that a router did not find and that their owners have nevertheless. One that a client deleted meanwhile, or
/// deleted and wrote again, is none: the same row has to be there before and after the router is asked.
///
/// # Errors
///
/// [`OverlookedError`]
pub async fn overlooked(
    deployment: &Deployment,
    router: &RouterAddress,
    client: &dyn Moray,
    not_found: &[Expected],
) -> Result<Vec<Expected>, OverlookedError> {
    let mut of_shards: BTreeMap<&str, Vec<Expected>> = BTreeMap::new();
    for expected in not_found {
        of_shards.entry(&expected.pnode).or_default().push(expected.clone());
    }
    let mut found = Vec::new();
    for (pnode, keys) in of_shards {
        let primary = connect_primary(deployment, &shard_of(pnode)?, STATEMENT_TIMEOUT).await?;
        found.extend(overlooked_of(&primary, router, client, keys).await?);
    }
    Ok(found)
}

async fn overlooked_of(
    primary: &Database,
    router: &RouterAddress,
    client: &dyn Moray,
    mut keys: Vec<Expected>,
) -> Result<Vec<Expected>, OverlookedError> {
    let mut before = ids(primary, &keys).await?;
    for _ in 0..ROUNDS {
        keys.retain(|expected| before.contains_key(&expected.key));
        if keys.is_empty() {
            break;
        }
        let mut missing = Vec::new();
        for expected in keys {
            match ask(router, client, expected).await? {
                (expected, Some(Some(node))) if node.pnode == expected.pnode => {}
                (expected, _) => missing.push(expected),
            }
        }
        let after = ids(primary, &missing).await?;
        let overlooked = unchanged(&missing, &before, &after);
        if !overlooked.is_empty() {
            return Ok(overlooked);
        }
        (keys, before) = (missing, after);
    }
    Ok(Vec::new())
}

/// Those whose rows were there all the while.
fn unchanged(keys: &[Expected], before: &Ids, after: &Ids) -> Vec<Expected> {
    let is_unchanged = |expected: &&Expected| {
        // A row that does not tell may be another one.
        let id = |of: &Ids| of.get(&expected.key).cloned().flatten();
        id(before).is_some() && id(before) == id(after)
    };
    keys.iter().filter(is_unchanged).cloned().collect()
}

async fn ids(primary: &Database, keys: &[Expected]) -> Result<Ids, RowsError> {
    let keys: Vec<&str> = keys.iter().map(|expected| expected.key.as_str()).collect();
    let bucket = bucket(primary).await?;
    let sql = format!(
        "SELECT _key, coalesce(_id::text, to_jsonb(held)->>'_idx') FROM {bucket} AS held \
         WHERE _key = ANY ($1::text[])"
    );
    let doing = "look for keys of the audit";
    let rows = primary.query(&sql, &[&keys]).await;
    let rows = rows.map_err(|error| primary.error(doing, error))?;
    let id = |row| Ok((primary.cell(doing, row, 0)?, primary.cell(doing, row, 1)?));
    rows.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_stayed_are_overlooked() {
        let keys = ["stayed", "deleted", "written-again", "new", "nameless"].map(|key| Expected {
            key: key.to_owned(),
            pnode: "tcp://1.moray.example.com:2020".to_owned(),
        });
        let ids = |ids: &[(&str, Option<&str>)]| -> Ids {
            ids.iter().map(|(key, id)| ((*key).to_owned(), id.map(str::to_owned))).collect()
        };
        let before = [("stayed", Some("1")), ("deleted", Some("2")), ("written-again", Some("3"))];
        let after = [("stayed", Some("1")), ("written-again", Some("4")), ("new", Some("5"))];
        // Neither of these tells.
        let nameless = [("nameless", None)];
        let (before, after) =
            (ids(&[&before[..], &nameless].concat()), ids(&[&after[..], &nameless].concat()));
        assert_eq!(unchanged(&keys, &before, &after), &keys[..1]);
    }
}
