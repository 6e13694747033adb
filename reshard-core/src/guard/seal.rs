//! Refusing the writes of a move for good, and what comes after it at the source (the cutover's third and last steps).

use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::error::GuardError;
use super::fence::Fence;
use super::moves::{MoveNumber, MoveState};
use super::patience::{Patience, lock_move};
use super::session::{Session, Transaction};
use super::standing::{KillSwitch, Standing, look_within};
use super::target::{TargetAborted, TargetOpen};

const SEAL: &str = "seal the move";

/// Only this very fence: after another one, or past its time, something may have been written.
const SEAL_SQL: &str = "UPDATE reshard.move SET state = 'sealed', until = NULL, epoch = $3 \
    WHERE move = $1 AND plan = $2::text::uuid AND epoch <= $3 AND state = 'fenced' AND until = $4 \
    AND clock_timestamp() < until - $5 * interval '1 second' \
    AND captured AND intact AND (SELECT enabled FROM reshard.guard)";

/// A source that refuses the writes of a move for good, with an empty log: the target may open, and has to be asked before writes
/// pass here again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    number: MoveNumber,
}

impl Sealed {
    /// The move.
    pub fn number(self) -> MoveNumber {
        self.number
    }
}

/// The way in which a move is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealOptions {
    /// The time before the end of the fence in which it is not sealed any more. Default 200 ms.
    pub margin: Duration,
    /// For the lock that writers share, which are refused by now.
    pub patience: Patience,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self { margin: Duration::from_millis(200), patience: Patience::FOR_WRITERS }
    }
}

/// Seals a fenced move whose log is empty. Sealing again changes nothing.
///
/// # Errors
///
/// [`GuardError::LogNotEmpty`] if entries are left; [`GuardError::TooLate`] if the fence has not long enough to last, or has fallen;
/// the others are those of [`fence`](fn@super::fence). Nothing has happened then, and the fence falls by itself, but for a
/// [`GuardError::Commit`], after which this can be called again.
pub async fn seal(
    session: &mut Session,
    fence: &Fence,
    options: &SealOptions,
) -> Result<Sealed, GuardError> {
    let number = fence.number;
    let transaction = session.begin().await?;
    // A write that passed when another fence had fallen may still be under way.
    lock_move(&transaction, number, &options.patience, SEAL).await?;
    let sql = "SELECT count(*) FROM reshard.log WHERE move = $1";
    let entries: i64 = transaction.value(SEAL, sql, &[&number.number()]).await?;
    if entries > 0 {
        return Err(GuardError::LogNotEmpty { number, host: transaction.host(), entries });
    }
    let lease = transaction.lease();
    let (plan, margin) = (lease.plan.to_string(), options.margin.as_secs_f64());
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&number.number(), &plan, &lease.epoch, &fence.until, &margin];
    if transaction.execute(SEAL, SEAL_SQL, &parameters).await? == 0 {
        let found = look_within(&transaction, number).await?;
        match &found {
            Some(found) if found.plan == lease.plan && found.state == MoveState::Sealed => {}
            Some(found) if found.plan == lease.plan && was_in_time(found) => {
                return Err(GuardError::TooLate { number, host: transaction.host() });
            }
            _ => {
                let expected = MoveState::Fenced;
                return Err(Standing::refusal(found.as_ref(), number, expected, &transaction));
            }
        }
    }
    transaction.commit().await?;
    Ok(Sealed { number })
}

/// Tells whether nothing but the time is in the way.
fn was_in_time(found: &Standing) -> bool {
    found.state == MoveState::Fenced && found.is_captured && found.switch == KillSwitch::On
}

/// Looks whether a move is sealed, as whoever takes over has to.
///
/// # Errors
///
/// [`GuardError::State`] if it is in another state; otherwise those of [`Session::begin`] and [`GuardError::Commit`].
pub async fn find_sealed(session: &mut Session, number: MoveNumber) -> Result<Sealed, GuardError> {
    let transaction = session.begin().await?;
    // The row is written again, so that the commit waits until the standby has the seal as well.
    change(transaction, "look for the seal", number, MoveState::Sealed, MoveState::Sealed).await?;
    Ok(Sealed { number })
}

/// Notes at the source that the rows are the target's. Doing it again changes nothing.
///
/// # Errors
///
/// [`GuardError::State`] if the move is not sealed; otherwise those of [`Session::begin`] and [`GuardError::Commit`].
pub async fn mark_moved(session: &mut Session, target: &TargetOpen) -> Result<(), GuardError> {
    let transaction = session.begin().await?;
    let doing = "note that the move is done";
    change(transaction, doing, target.number(), MoveState::Sealed, MoveState::Moved).await
}

/// Lets writes pass again at a sealed source, whose target is known never to open. Doing it again changes nothing.
///
/// # Errors
///
/// [`GuardError::State`] if the move is not sealed; otherwise those of [`Session::begin`] and [`GuardError::Commit`].
pub async fn unseal(session: &mut Session, target: &TargetAborted) -> Result<(), GuardError> {
    let transaction = session.begin().await?;
    change(transaction, "break the seal", target.number(), MoveState::Sealed, MoveState::Open).await
}

/// Takes a move from one state to another and commits that, unless it is in the other already.
pub(super) async fn change(
    transaction: Transaction<'_>,
    doing: &'static str,
    number: MoveNumber,
    from: MoveState,
    to: MoveState,
) -> Result<(), GuardError> {
    let sql = "UPDATE reshard.move SET state = $5, epoch = $3 \
               WHERE move = $1 AND plan = $2::text::uuid AND epoch <= $3 AND state IN ($4, $5)";
    let lease = transaction.lease();
    let plan = lease.plan.to_string();
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&number.number(), &plan, &lease.epoch, &from.name(), &to.name()];
    if transaction.execute(doing, sql, &parameters).await? == 0 {
        let found = look_within(&transaction, number).await?;
        return Err(Standing::refusal(found.as_ref(), number, from, &transaction));
    }
    transaction.commit().await?;
    Ok(())
}
