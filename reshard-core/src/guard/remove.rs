//! Taking the guard down (rule R10).

use super::error::GuardError;
use super::moves::{MoveNumber, MoveState};
use super::patience::{Patience, change_tables};
use super::session::{Lease, Session, Transaction};
use super::standing::{Standing, look_within};
use crate::deployment::Database;
use crate::rows::qualified;

const DOING: &str = "remove the guard";

/// The outcome of removing a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The move is gone; others are guarded still.
    Move,
    /// It was the last: triggers, functions and tables are gone as well.
    All,
    /// There was no guard in the database.
    Nothing,
}

/// Removes a move from a database with its vnodes and what is left of its log: writes of its vnodes pass from then on as they
/// did before it was armed. With the last move of all plans goes everything.
///
/// The lease is taken first. Doing it again changes nothing, and ends what a crash has left.
///
/// # Errors
///
/// [`GuardError::State`] if the move is fenced or sealed, which has to end first; [`GuardError::Busy`] if triggers could not be
/// dropped, which fire and let everything pass until this is called again; otherwise [`GuardError::LeaseLost`],
/// [`GuardError::OtherPlan`], [`GuardError::Database`] and [`GuardError::Commit`].
pub async fn remove(
    database: Database,
    lease: Lease,
    number: MoveNumber,
    patience: &Patience,
) -> Result<Removed, GuardError> {
    let sql = "SELECT to_regclass('reshard.lease') IS NOT NULL";
    if !database.value::<bool>(DOING, sql, &[]).await? {
        return Ok(Removed::Nothing);
    }
    let mut session = lease.take(database).await?;
    remove_move(&mut session, number).await?;
    // Tables one by one, so that no two of them are locked at a time.
    for table in tables_with_triggers(&session).await? {
        let transaction = session.begin().await?;
        if !is_last(&transaction).await? {
            return Ok(Removed::Move);
        }
        drop_triggers(&transaction, &table, patience).await?;
        transaction.commit().await?;
    }
    let transaction = session.begin().await?;
    if !is_last(&transaction).await? {
        return Ok(Removed::Move);
    }
    let tables = ["reshard.guard", "reshard.move", "reshard.moving"].map(str::to_owned);
    let sql = "DROP SCHEMA reshard CASCADE";
    change_tables(&transaction, sql, &tables, &[], patience, DOING).await?;
    transaction.commit().await?;
    Ok(Removed::All)
}

/// Removes the rows of a move: whoever writes finds no move, and passes. The lease stays, so that whoever lost it cannot come back.
async fn remove_move(session: &mut Session, number: MoveNumber) -> Result<(), GuardError> {
    let transaction = session.begin().await?;
    let found = look_within(&transaction, number).await?;
    let plan = transaction.lease().plan;
    if let Some(found) = &found {
        let is_under_way = matches!(found.state, MoveState::Fenced | MoveState::Sealed);
        // A fence that has fallen is none.
        if found.plan != plan || (is_under_way && !found.is_over) {
            let expected = MoveState::Open;
            return Err(Standing::refusal(Some(found), number, expected, &transaction));
        }
    }
    let number = number.number();
    transaction.execute(DOING, "DELETE FROM reshard.move WHERE move = $1", &[&number]).await?;
    for partition in 0..3 {
        let sql = format!("DELETE FROM reshard.log_{partition} WHERE move = $1");
        transaction.execute(DOING, &sql, &[&number]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Locks the guard's row, on which whoever arms a move waits, and tells whether no move is left.
async fn is_last(transaction: &Transaction<'_>) -> Result<bool, GuardError> {
    transaction.batch(DOING, "SELECT FROM reshard.guard FOR UPDATE").await?;
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM reshard.move)";
    Ok(transaction.value(DOING, sql, &[]).await?)
}

/// The quoted names of all tables with triggers of the guard's, whatever they are recorded as.
async fn tables_with_triggers(session: &Session) -> Result<Vec<String>, GuardError> {
    let database = session.database();
    let sql = "SELECT DISTINCT tables.nspname::text, relname::text FROM pg_trigger \
               JOIN pg_proc ON pg_proc.oid = tgfoid \
               JOIN pg_namespace AS functions ON functions.oid = pronamespace \
               JOIN pg_class ON pg_class.oid = tgrelid \
               JOIN pg_namespace AS tables ON tables.oid = relnamespace \
               WHERE functions.nspname = 'reshard' AND tables.nspname <> 'reshard' ORDER BY 1, 2";
    let rows = database.query(sql, &[]).await;
    let rows = rows.map_err(|source| database.error(DOING, source))?;
    let name = |row| {
        let (schema, name): (&str, &str) =
            (database.cell(DOING, row, 0)?, database.cell(DOING, row, 1)?);
        Ok(qualified(schema, name))
    };
    rows.iter().map(name).collect()
}

async fn drop_triggers(
    transaction: &Transaction<'_>,
    table: &str,
    patience: &Patience,
) -> Result<(), GuardError> {
    let sql = "SELECT quote_ident(tgname) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid \
               JOIN pg_namespace ON pg_namespace.oid = pronamespace \
               WHERE nspname = 'reshard' AND tgrelid = to_regclass($1)";
    let mut drops = Vec::new();
    for row in &transaction.query(DOING, sql, &[&table]).await? {
        let trigger: &str = transaction.cell(DOING, row, 0)?;
        drops.push(format!("DROP TRIGGER {trigger} ON {table}"));
    }
    let tables = [table.to_owned()];
    change_tables(transaction, &drops.join("; "), &tables, &[], patience, DOING).await?;
    Ok(())
}
