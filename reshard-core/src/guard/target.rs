//! The target of a move: closed until the source is sealed, then open or aborted. Its row is the one commit point of a cutover.

use super::arm::{ArmOptions, put_up};
use super::error::GuardError;
use super::moves::{MoveNumber, MoveState};
use super::preflight::{GuardFinding, prepared};
use super::seal::{Sealed, change};
use super::session::Session;
use super::standing::{Standing, look, look_within};
use crate::VnodeSet;
use crate::deployment::Database;
use crate::rows::Table;

/// Only from `closed`, whoever asks: an aborted target never opens. From here on what is written is logged, for the way back. A
/// copy that is not at its end leaves entries of the log unreplayed, so an empty log does not say that everything is here.
const OPEN_SQL: &str = "UPDATE reshard.move SET state = 'open', captured = true, epoch = $3 \
    WHERE move = $1 AND plan = $2::text::uuid AND epoch <= $3 AND state = 'closed' AND intact \
    AND (SELECT enabled FROM reshard.guard) \
    AND NOT EXISTS (SELECT 1 FROM reshard.copy WHERE copy.move = $1 AND NOT copy.is_done)";
/// The buckets that are not copied to their ends.
const UNCOPIED_SQL: &str =
    "SELECT bucket FROM reshard.copy WHERE move = $1 AND NOT is_done ORDER BY bucket LIMIT 1";

/// A target that is known to be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetOpen {
    number: MoveNumber,
}

/// A target that is known never to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetAborted {
    number: MoveNumber,
}

impl TargetOpen {
    /// The move.
    pub fn number(&self) -> MoveNumber {
        self.number
    }
}

impl TargetAborted {
    /// The move.
    pub fn number(&self) -> MoveNumber {
        self.number
    }
}

/// A target whose COMMIT may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetStanding {
    /// It was not opened, and may be yet: [`abort_target`] settles it.
    Closed,
    /// It is open.
    Open(TargetOpen),
    /// It never opens.
    Aborted(TargetAborted),
}

/// Closes a target into which rows are copied: writes of the vnodes are refused there until it opens. `tables` are those that the
/// source guards. A source from which the move has gone away is made the target of the way back by it.
///
/// Doing it again changes nothing.
///
/// # Errors
///
/// Those of [`arm`](fn@super::arm).
pub async fn close_target(
    session: &mut Session,
    number: MoveNumber,
    vnodes: &VnodeSet,
    tables: &[Table],
    options: &ArmOptions,
) -> Result<(), GuardError> {
    let found = look(session.database(), number).await?;
    if found.is_some_and(|found| found.state == MoveState::Moved) {
        let transaction = session.begin().await?;
        let sql = "UPDATE reshard.move SET captured = false WHERE move = $1 AND state = 'moved'";
        let doing = "close a source for the way back";
        transaction.execute(doing, sql, &[&number.number()]).await?;
        return change(transaction, doing, number, MoveState::Moved, MoveState::Closed).await;
    }
    let state = MoveState::Closed;
    put_up(session, number, vnodes, tables.to_vec(), state, &options.tables).await?;
    Ok(())
}

/// Closes a target that is a physical copy of its source, with the source's guard in it (rule R14): the copied log is emptied,
/// and other moves that were copied along are forgotten. The target's database has to be read-only by default until this is
/// done, and it must not be the server that `source` is connected to: Manatee promotes a standby without beginning a timeline, so
/// nothing in the two databases tells them apart.
///
/// Doing it again changes nothing.
///
/// # Errors
///
/// [`GuardError::NotACopy`] if the database takes writes, or is the source itself; [`GuardError::Unsafe`] if transactions are
/// prepared there; [`GuardError::State`] if the source had gone past the fence when it was copied; otherwise those of
/// [`Session::begin`] and [`GuardError::Commit`].
pub async fn close_copied_target(
    session: &mut Session,
    number: MoveNumber,
    source: &Database,
) -> Result<(), GuardError> {
    let doing = "close a copied target";
    let host = session.database().endpoint().host.clone();
    if look(session.database(), number).await?.is_some_and(|it| it.state == MoveState::Closed) {
        return Ok(());
    }
    let sql = "SELECT current_setting('default_transaction_read_only')::boolean";
    let is_read_only: bool = session.database().value(doing, sql, &[]).await?;
    if !is_read_only || is_same_server(session.database(), source).await? {
        return Err(GuardError::NotACopy { host, is_read_only });
    }
    let prepared = prepared(session.database()).await?;
    if !prepared.is_empty() {
        let findings = prepared.into_iter().map(GuardFinding::PreparedTransaction).collect();
        return Err(GuardError::Unsafe { host, findings });
    }
    let transaction = session.begin().await?;
    let sql = "UPDATE reshard.move SET state = 'closed', until = NULL, captured = false, epoch = $3 \
               WHERE move = $1 AND plan = $2::text::uuid AND state IN ('open', 'fenced') AND intact";
    let lease = transaction.lease();
    let plan = lease.plan.to_string();
    let changed = transaction.execute(doing, sql, &[&number.number(), &plan, &lease.epoch]).await?;
    if changed == 0 {
        let found = look_within(&transaction, number).await?;
        return Err(Standing::refusal(found.as_ref(), number, MoveState::Open, &transaction));
    }
    let sql = "DELETE FROM reshard.move WHERE move <> $1";
    transaction.execute(doing, sql, &[&number.number()]).await?;
    transaction
        .execute(doing, "DELETE FROM reshard.lease WHERE plan <> $1::text::uuid", &[&plan])
        .await?;
    transaction.batch(doing, "TRUNCATE reshard.log_0, reshard.log_1, reshard.log_2").await?;
    transaction.commit().await?;
    Ok(())
}

/// Makes connections that are opened from now on to a database read-only unless they ask otherwise, or no longer so.
///
/// # Errors
///
/// [`GuardError::Database`]
pub async fn set_read_only(database: &Database, read_only: bool) -> Result<(), GuardError> {
    let doing = "change what a database allows by default";
    let sql = "SELECT quote_ident(current_database())";
    let name: String = database.value(doing, sql, &[]).await?;
    let change = if read_only {
        "SET default_transaction_read_only = on"
    } else {
        "RESET default_transaction_read_only"
    };
    let sql = format!("ALTER DATABASE {name} {change}");
    database.batch_execute(&sql).await.map_err(|source| database.error(doing, source))?;
    Ok(())
}

/// Tells whether two connections are to the same running server.
async fn is_same_server(one: &Database, other: &Database) -> Result<bool, GuardError> {
    let sql = "SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), inet_server_addr(), \
               inet_server_port(), current_setting('data_directory'))";
    let doing = "ask which server it is";
    let (one, other): (String, String) =
        (one.value(doing, sql, &[]).await?, other.value(doing, sql, &[]).await?);
    Ok(one == other)
}

/// Opens a target: this is the moment at which its rows are the ones that count. What is written there is logged from then on.
/// Opening again changes nothing.
///
/// # Errors
///
/// [`GuardError::State`] if it is not closed, above all if it was aborted; [`GuardError::NotCopied`]; [`GuardError::Off`] and [`GuardError::LostTrack`] if
/// its guard was turned off. After a [`GuardError::Commit`], and if no answer came, it may be open or not: take the lease with a
/// higher epoch at the primary that is there then, and [`look_at_target`] or [`abort_target`].
pub async fn open_target(session: &mut Session, source: &Sealed) -> Result<TargetOpen, GuardError> {
    let doing = "open the target";
    let number = source.number();
    let transaction = session.begin().await?;
    let lease = transaction.lease();
    let plan = lease.plan.to_string();
    let changed =
        transaction.execute(doing, OPEN_SQL, &[&number.number(), &plan, &lease.epoch]).await?;
    if changed == 0 {
        let found = look_within(&transaction, number).await?;
        let is_open = |it: &Standing| it.state == MoveState::Open && it.plan == lease.plan;
        if !found.as_ref().is_some_and(is_open) {
            let rows = transaction.query(doing, UNCOPIED_SQL, &[&number.number()]).await?;
            if let Some(row) = rows.first() {
                let bucket = transaction.cell(doing, row, 0)?;
                return Err(GuardError::NotCopied { number, host: transaction.host(), bucket });
            }
            let expected = MoveState::Closed;
            return Err(Standing::refusal(found.as_ref(), number, expected, &transaction));
        }
        // Whoever opened it may not know whether its standby has that; this commit waits for it.
        change(transaction, doing, number, MoveState::Open, MoveState::Open).await?;
        return Ok(TargetOpen { number });
    }
    transaction.commit().await?;
    Ok(TargetOpen { number })
}

/// Sees to it that a closed target never opens. Doing it again changes nothing.
///
/// # Errors
///
/// [`GuardError::State`] if it is open; otherwise those of [`Session::begin`] and [`GuardError::Commit`], after which it is to be
/// called again.
pub async fn abort_target(
    session: &mut Session,
    number: MoveNumber,
) -> Result<TargetAborted, GuardError> {
    let transaction = session.begin().await?;
    let doing = "abort the target";
    change(transaction, doing, number, MoveState::Closed, MoveState::Aborted).await?;
    Ok(TargetAborted { number })
}

/// Looks at a target whose opening was asked for and not confirmed. What it says is at the target's standby as well.
///
/// # Errors
///
/// [`GuardError::State`] if it has no such move; otherwise those of [`Session::begin`] and [`GuardError::Commit`].
pub async fn look_at_target(
    session: &mut Session,
    number: MoveNumber,
) -> Result<TargetStanding, GuardError> {
    let transaction = session.begin().await?;
    let found = look_within(&transaction, number).await?;
    let plan = transaction.lease().plan;
    let Some(state) = found.as_ref().filter(|found| found.plan == plan).map(|it| it.state) else {
        let expected = MoveState::Closed;
        return Err(Standing::refusal(found.as_ref(), number, expected, &transaction));
    };
    // The row is written again, so that the commit waits until the standby has what was read.
    change(transaction, "look at the target", number, state, state).await?;
    Ok(match state {
        MoveState::Open | MoveState::Fenced | MoveState::Sealed | MoveState::Moved => {
            TargetStanding::Open(TargetOpen { number })
        }
        MoveState::Closed => TargetStanding::Closed,
        MoveState::Aborted => TargetStanding::Aborted(TargetAborted { number }),
    })
}
