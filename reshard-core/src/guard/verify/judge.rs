//! Looking at single rows, to tell a difference from a row that is on its way.
//!
//! The source is asked for the row and whether an entry of it waits in the log, in one statement; then the target for its row;
//! then the source again. If the source's row is the same version both times, and nothing of it waited, then the target had it
//! when it was asked: an entry is deleted only after the row is there for good. What else it has is a difference.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;

use super::super::buckets::Bucket;
use super::super::error::GuardError;
use super::super::log::count;
use super::super::members::Members;
use super::outcome::{Difference, Findings, SeenVersion};
use super::page::Side;
use crate::deployment::Database;

/// The name of reading in errors.
const READ: &str = "look at rows that differ";
/// Keys that are asked for together.
const TOGETHER: usize = 500;
/// The time between two looks at rows that are on their way.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections to the primaries of both sides.
pub(super) struct Judge {
    source: Side,
    target: Side,
}

/// A row as one side has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// The transaction that wrote it, at that side.
    xmin: String,
    seen: SeenVersion,
    /// The MD5 of each column; NULL where that is.
    columns: Vec<Option<String>>,
}

/// A key at one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Look {
    row: Option<Row>,
    /// True if an entry of it waits in the log.
    waits: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Different,
    /// An entry of it waits in the log.
    Waits,
    /// It was written meanwhile.
    Written,
}

/// Judges a row by what the source had before and after the target was asked.
fn verdict(before: &Look, target: &Look, after: &Look) -> Verdict {
    let columns = |look: &Look| look.row.as_ref().map(|row| row.columns.clone());
    if before.row != after.row {
        Verdict::Written
    } else if columns(before) == columns(target) {
        Verdict::Same
    } else if before.waits || after.waits {
        Verdict::Waits
    } else {
        Verdict::Different
    }
}

impl Judge {
    pub(super) async fn new(source: Database, target: Database) -> Result<Self, GuardError> {
        Ok(Self { source: Side::pin(source).await?, target: Side::pin(target).await? })
    }

    /// The source's host, for errors.
    pub(super) fn source_host(&self) -> String {
        self.source.database.endpoint().host.clone()
    }

    /// Judges rows until nothing of them is on its way, or the time is over.
    pub(super) async fn settle(
        &self,
        members: &Members,
        bucket: &Bucket,
        mut keys: Vec<String>,
        within: Duration,
        findings: &mut Findings,
    ) -> Result<(), GuardError> {
        let since = Instant::now();
        // A row that came and went between the two looks at the source is not seen there. It does not do so twice.
        let mut differed: HashMap<String, (Look, Look)> = HashMap::new();
        let mut rounds = 0;
        while !keys.is_empty() && !findings.is_full() {
            rounds += 1;
            let is_last = rounds > 1 && since.elapsed() >= within;
            let mut again = Vec::new();
            for some in keys.chunks(TOGETHER) {
                let before = self.look(&self.source, members, bucket, some, true).await?;
                let target = self.look(&self.target, members, bucket, some, false).await?;
                let after = self.look(&self.source, members, bucket, some, true).await?;
                for key in some {
                    let of =
                        |looks: &HashMap<String, Look>| looks.get(key).cloned().unwrap_or_default();
                    let (before, target, after) = (of(&before), of(&target), of(&after));
                    match verdict(&before, &target, &after) {
                        Verdict::Same => {}
                        Verdict::Different if findings.is_full() => {}
                        Verdict::Different
                            if differed.get(key) == Some(&(before.clone(), target.clone())) =>
                        {
                            findings.differs(difference(bucket, key, before, target));
                        }
                        Verdict::Different if !is_last => {
                            differed.insert(key.clone(), (before, target));
                            again.push(key.clone());
                        }
                        Verdict::Waits if is_last => findings.waits(),
                        Verdict::Different | Verdict::Written if is_last => {
                            findings.does_not_settle(&bucket.name, key.clone());
                        }
                        Verdict::Different | Verdict::Waits | Verdict::Written => {
                            again.push(key.clone());
                        }
                    }
                }
            }
            keys = again;
            if !keys.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Looks up keys at one side; a row that is not the move's is none.
    async fn look(
        &self,
        side: &Side,
        members: &Members,
        bucket: &Bucket,
        keys: &[String],
        with_log: bool,
    ) -> Result<HashMap<String, Look>, GuardError> {
        let digests: Vec<String> =
            bucket.columns.iter().map(|column| format!("md5(held.{column}::text)")).collect();
        let pending = if with_log {
            // The log has no index for this: it is read once.
            "wanted.key IN (SELECT log.key FROM reshard.log WHERE log.move = $2 AND log.bucket = $3)"
        } else {
            "$2::integer IS NULL AND $3::text IS NULL"
        };
        let sql = format!(
            "SELECT wanted.key, held.xmin::text, held._etag::text, held._mtime::bigint, held._vnode::bigint, \
             octet_length(held._value)::bigint, ARRAY[{}], {pending} FROM unnest($1::text[]) AS wanted (key) \
             LEFT JOIN {} AS held ON held._key = wanted.key",
            digests.join(", "),
            bucket.table
        );
        let parameters: [&(dyn ToSql + Sync); 3] =
            [&keys, &members.number().number(), &bucket.name];
        let database = &side.database;
        let rows = database.query(&sql, &parameters).await;
        let rows = rows.map_err(|error| database.error(READ, error))?;
        let mut looks = HashMap::new();
        for row in &rows {
            let key: String = database.cell(READ, row, 0)?;
            let xmin: Option<String> = database.cell(READ, row, 1)?;
            let vnode: Option<i64> = database.cell(READ, row, 4)?;
            let xmin = xmin.filter(|_| members.own(&bucket.name, &key, vnode));
            let length: Option<i64> = database.cell(READ, row, 5)?;
            let held = match xmin {
                None => None,
                Some(xmin) => Some(Row {
                    xmin,
                    seen: SeenVersion {
                        etag: database.cell(READ, row, 2)?,
                        mtime: database.cell(READ, row, 3)?,
                        vnode,
                        length: length.map(count),
                    },
                    columns: database.cell(READ, row, 6)?,
                }),
            };
            looks.insert(key, Look { row: held, waits: database.cell(READ, row, 7)? });
        }
        Ok(looks)
    }
}

fn difference(bucket: &Bucket, key: &str, source: Look, target: Look) -> Difference {
    let columns = match (&source.row, &target.row) {
        (Some(source), Some(target)) => {
            let sides = source.columns.iter().zip(&target.columns);
            let differ =
                bucket.columns.iter().zip(sides).filter(|(_, (ours, theirs))| ours != theirs);
            differ.map(|(column, _)| column.trim_matches('"').to_owned()).collect()
        }
        _ => Vec::new(),
    };
    Difference {
        bucket: bucket.name.clone(),
        key: key.to_owned(),
        source: source.row.map(|row| row.seen),
        target: target.row.map(|row| row.seen),
        columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(xmin: &str, columns: &str, waits: bool) -> Look {
        let seen = SeenVersion { etag: None, mtime: None, vnode: None, length: None };
        let columns = vec![Some(columns.to_owned()), None];
        Look { row: Some(Row { xmin: xmin.to_owned(), seen, columns }), waits }
    }

    #[test]
    fn r22_only_a_row_that_stood_still_and_does_not_wait_is_a_difference() {
        let (one, other) = (look("1", "a", false), look("9", "b", false));
        assert_eq!(verdict(&one, &look("9", "a", false), &one), Verdict::Same);
        assert_eq!(verdict(&one, &other, &one), Verdict::Different);
        assert_eq!(verdict(&one, &Look::default(), &one), Verdict::Different);
        assert_eq!(verdict(&Look::default(), &other, &Look::default()), Verdict::Different);
        assert_eq!(verdict(&one, &other, &look("2", "b", false)), Verdict::Written);
        assert_eq!(verdict(&one, &other, &look("2", "a", false)), Verdict::Written);
        assert_eq!(verdict(&Look::default(), &other, &one), Verdict::Written);
        assert_eq!(verdict(&look("1", "a", true), &other, &one), Verdict::Waits);
        assert_eq!(verdict(&one, &other, &look("1", "a", true)), Verdict::Waits);
        assert_eq!(verdict(&Look::default(), &Look::default(), &Look::default()), Verdict::Same);
    }
}
