//! The kill switch (rule R20).

use super::commit::commit;
use super::error::GuardError;
use crate::deployment::Database;

/// Turns the guard of a database off, so that every write passes and none is logged, or on again. It needs no lease: it is for
/// when the guard itself is the trouble.
///
/// A move that saw it off can never be fenced or opened again, for nobody knows what has passed; it can only be removed.
///
/// # Errors
///
/// [`GuardError::Database`] and [`GuardError::Commit`]
pub async fn turn_guard(database: &mut Database, is_on: bool) -> Result<(), GuardError> {
    let server = database.server();
    let transaction = database.begin().await?;
    let sql = "UPDATE reshard.guard SET enabled = $1 WHERE enabled <> $1";
    let done = transaction.execute(sql, &[&is_on]).await;
    done.map_err(|source| server.error("turn the guard on or off", source))?;
    Ok(commit(transaction, &server).await?)
}
