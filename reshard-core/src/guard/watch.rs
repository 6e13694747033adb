//! Giving way to those who wait for a table (rule R11).
//!
//! Whoever waits for ACCESS EXCLUSIVE stops everybody who comes after: each start of a muskie drops a trigger and makes it
//! again. So a long read of ours ends as soon as somebody waits behind it.

use std::time::Duration;

use futures_util::future::select_all;

use super::error::GuardError;
use crate::deployment::{Database, DatabaseError};

/// The time between two looks at the locks.
const LOOK: Duration = Duration::from_millis(100);
/// PostgreSQL's code for a statement that was cancelled, or took too long.
const CANCELED: &str = "57014";

const SOMEBODY_WAITS: &str = "
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_locks AS waiting
        JOIN pg_catalog.pg_locks AS held ON held.locktype = 'relation' AND held.granted
            AND held.database = waiting.database AND held.relation = waiting.relation
        WHERE waiting.locktype = 'relation' AND waiting.mode = 'AccessExclusiveLock' AND NOT waiting.granted
            AND held.pid = ANY ($1))";

/// A connection of its own, beside those that it watches.
pub(super) struct Watch {
    database: Database,
    watched: Vec<i32>,
}

impl Watch {
    /// Watches connections to the same server.
    pub(super) async fn over(
        database: Database,
        watched: &[&Database],
    ) -> Result<Self, GuardError> {
        let mut pids = Vec::new();
        for connection in watched {
            let sql = "SELECT pg_catalog.pg_backend_pid()";
            pids.push(connection.value("ask for a process's number", sql, &[]).await?);
        }
        Ok(Self { database, watched: pids })
    }

    /// Waits until somebody waits for ACCESS EXCLUSIVE on a table that a watched connection has locked.
    async fn somebody_waits(&self) -> Result<(), DatabaseError> {
        loop {
            tokio::time::sleep(LOOK).await;
            let doing = "look who waits for a lock";
            if self.database.value(doing, SOMEBODY_WAITS, &[&self.watched]).await? {
                return Ok(());
            }
        }
    }

    /// Cancels what the watched connections do now, which may be no COMMIT (rule R12).
    async fn cancel(&self) -> Result<(), DatabaseError> {
        let sql = "SELECT count(pg_catalog.pg_cancel_backend(pid)) FROM pg_catalog.unnest($1::integer[]) AS pid";
        let doing = "give way to somebody who waits for a lock";
        self.database.value::<i64>(doing, sql, &[&self.watched]).await.map(|_| ())
    }
}

/// The end of a piece of work.
#[derive(Debug)]
pub(super) enum Piece<T> {
    /// It is done.
    Done(T),
    /// It was given up for somebody who waits, or took too long. Nothing of it is left.
    GivenUp,
}

/// Works until it is done, or somebody waits behind one of the watched connections: then the work is dropped, and what these
/// still do is cancelled. No COMMIT may be a part of it.
pub(super) async fn give_way<T>(
    work: impl Future<Output = Result<T, GuardError>>,
    watches: &[&Watch],
) -> Result<Piece<T>, GuardError> {
    let somebody_waits =
        async { select_all(watches.iter().map(|watch| Box::pin(watch.somebody_waits()))).await.0 };
    tokio::select! {
        done = work => return match done {
            Ok(value) => Ok(Piece::Done(value)),
            Err(error) if is_canceled(&error) => Ok(Piece::GivenUp),
            Err(error) => Err(error),
        },
        waits = somebody_waits => waits?,
    }
    // The signals are there when the answers are, before anything new is sent to the watched connections.
    for watch in watches {
        watch.cancel().await?;
    }
    Ok(Piece::GivenUp)
}

fn is_canceled(error: &GuardError) -> bool {
    matches!(error, GuardError::Database(error) if error.code() == Some(CANCELED))
}
