//! Refusing the writes of a move for a while (the cutover's first step).

use std::time::{Duration, Instant, SystemTime};

use tokio_postgres::types::ToSql;

use super::error::GuardError;
use super::moves::{MoveNumber, MoveState};
use super::patience::{Patience, Waited, lock_move};
use super::preflight::bypasses;
use super::session::{Session, Transaction};
use super::standing::{Standing, look, look_within};
use crate::deployment::Database;

const FENCE: &str = "fence the move";
/// PostgreSQL's code of a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";
/// The pause between two looks at a standby.
const LOOK: Duration = Duration::from_millis(5);

/// A move that is open, or fenced already, with everything in order. The epoch is compared though the lease is held: a row of a
/// later one is none of ours.
pub(super) const FENCE_SQL: &str = "UPDATE reshard.move \
    SET state = 'fenced', until = clock_timestamp() + $4 * interval '1 second', epoch = $3 \
    WHERE move = $1 AND plan = $2::text::uuid AND epoch <= $3 AND state IN ('open', 'fenced') \
    AND captured AND intact AND (SELECT enabled FROM reshard.guard) RETURNING until";
/// Only a fence is taken down: once the move is sealed, its target may be open.
pub(super) const UNFENCE_SQL: &str = "UPDATE reshard.move SET state = 'open', until = NULL, epoch = $3 \
    WHERE move = $1 AND plan = $2::text::uuid AND epoch <= $3 AND state = 'fenced'";

/// The way in which a move is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FenceOptions {
    /// The time for which writes are refused, by the server's clock, unless the move is sealed before. Default 2 seconds.
    pub budget: Duration,
    /// For the lock that writers share.
    pub patience: Patience,
}

impl Default for FenceOptions {
    fn default() -> Self {
        Self { budget: Duration::from_secs(2), patience: Patience::FOR_WRITERS }
    }
}

/// A fence that is up. It falls by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The move.
    pub number: MoveNumber,
    /// The time, by the source's clock, from which writes pass again.
    pub until: SystemTime,
    /// The wait for writers that were under way.
    pub waited: Waited,
    /// The time for which the lock was held: no write of the move went on in it, and none was refused. To the microsecond.
    pub held: Duration,
}

/// Fences a move at its source: writes of its vnodes are refused until the time is over. When this returns, every write that has
/// passed is committed or undone, and logged.
///
/// A move that is fenced already, or was until its time was over, is fenced anew.
///
/// # Errors
///
/// [`GuardError::Unsafe`] if writes could get past; [`GuardError::Busy`] names who has written and not ended; a
/// [`GuardError::State`], [`GuardError::Off`] or [`GuardError::LostTrack`] if the move cannot be cut over; otherwise
/// [`GuardError::LeaseLost`], [`GuardError::Database`] and [`GuardError::Commit`]. After the last, as after every error, the
/// fence may be up for its time, and [`unfence`] takes it down.
pub async fn fence(
    session: &mut Session,
    number: MoveNumber,
    options: &FenceOptions,
) -> Result<Fence, GuardError> {
    let findings = bypasses(session.database()).await?;
    if !findings.is_empty() {
        let host = session.database().endpoint().host.clone();
        return Err(GuardError::Unsafe { host, findings });
    }
    let transaction = session.begin().await?;
    let (fence, locked) = fence_within(&transaction, number, options).await?;
    transaction.commit().await?;
    Ok(Fence { held: locked.elapsed(), ..fence })
}

/// Fences a move in a transaction, which nobody sees before it is committed; says since when the lock is held.
pub(super) async fn fence_within(
    transaction: &Transaction<'_>,
    number: MoveNumber,
    options: &FenceOptions,
) -> Result<(Fence, Instant), GuardError> {
    let waited = lock_move(transaction, number, &options.patience, FENCE).await?;
    let locked = Instant::now();
    let lease = transaction.lease();
    let (plan, budget) = (lease.plan.to_string(), options.budget.as_secs_f64());
    let parameters: [&(dyn ToSql + Sync); 4] = [&number.number(), &plan, &lease.epoch, &budget];
    let rows = transaction.query(FENCE, FENCE_SQL, &parameters).await?;
    let Some(row) = rows.first() else {
        let found = look_within(transaction, number).await?;
        if found.as_ref().is_some_and(|found| !found.is_captured) {
            return Err(GuardError::NotCaptured { number, host: transaction.host() });
        }
        return Err(Standing::refusal(found.as_ref(), number, MoveState::Open, transaction));
    };
    let until = transaction.cell(FENCE, row, 0)?;
    Ok((Fence { number, until, waited, held: Duration::ZERO }, locked))
}

/// Takes a fence down before its time. A move that is open is left as it is.
///
/// # Errors
///
/// [`GuardError::State`] if the move is in another state: above all if it is sealed, whose target may be open
/// ([`unseal`](super::unseal)); otherwise [`GuardError::LeaseLost`], [`GuardError::Database`] and [`GuardError::Commit`].
pub async fn unfence(session: &mut Session, number: MoveNumber) -> Result<(), GuardError> {
    let doing = "take down the fence";
    let transaction = session.begin().await?;
    let lease = transaction.lease();
    let plan = lease.plan.to_string();
    let changed =
        transaction.execute(doing, UNFENCE_SQL, &[&number.number(), &plan, &lease.epoch]).await?;
    if changed == 0 {
        let found = look_within(&transaction, number).await?;
        let is_open = |found: &Standing| found.state == MoveState::Open && found.plan == lease.plan;
        if !found.as_ref().is_some_and(is_open) {
            let expected = MoveState::Fenced;
            return Err(Standing::refusal(found.as_ref(), number, expected, &transaction));
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Waits until a standby has replayed a fence, and with it all that was written before. Says after which time, or `None` if it
/// has not within `longest`.
///
/// # Errors
///
/// [`GuardError::Database`]
pub async fn wait_for_fence_at(
    standby: &Database,
    fence: &Fence,
    longest: Duration,
) -> Result<Option<Duration>, GuardError> {
    let began = Instant::now();
    loop {
        let found = match look(standby, fence.number).await {
            // It has not even replayed the arming yet.
            Err(GuardError::Database(error)) if error.code() == Some(UNDEFINED_TABLE) => None,
            found => found?,
        };
        // A seal comes after the fence; of an earlier fence the time is another.
        let is_there = |found: &Standing| match found.state {
            MoveState::Fenced => found.until == Some(fence.until),
            MoveState::Sealed | MoveState::Moved => true,
            MoveState::Open | MoveState::Closed | MoveState::Aborted => false,
        };
        if found.as_ref().is_some_and(is_there) {
            return Ok(Some(began.elapsed()));
        }
        if began.elapsed() > longest {
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
    }
}
