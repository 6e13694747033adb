//! A target that is not opened yet.

use super::error::GuardError;
use super::moves::{MoveNumber, MoveState};
use super::session::Transaction;

const STATE: &str = "SELECT move.state FROM reshard.move WHERE move.move = $1 FOR SHARE";

/// Refuses to go on unless the database is a target that takes no writes of the move's rows but ours. It stays so to the end of
/// the transaction: whoever opens it waits.
pub(super) async fn check_closed(
    transaction: &Transaction<'_>,
    number: MoveNumber,
) -> Result<(), GuardError> {
    let doing = "look at the state of the move";
    let rows = transaction.query(doing, STATE, &[&number.number()]).await?;
    let name = rows.first().map(|row| transaction.cell::<String>(doing, row, 0)).transpose()?;
    let found = name.as_deref().and_then(|name| name.parse::<MoveState>().ok());
    if found == Some(MoveState::Closed) {
        return Ok(());
    }
    let (host, expected) = (transaction.host(), MoveState::Closed);
    Err(GuardError::State { number, host, found, expected })
}
