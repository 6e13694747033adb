//! The row of a move, as it stands.

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::error::Error;

use super::error::GuardError;
use super::moves::{MoveNumber, MoveState};
use super::session::Transaction;
use crate::PlanUuid;
use crate::deployment::{Database, DatabaseError};
use crate::rows::RowsError;

const DOING: &str = "look at a move";
/// Read in the statement that it is part of, so that all is of one moment.
const SQL: &str = "SELECT state, plan::text, until, coalesce(until <= clock_timestamp(), false), captured, \
    epoch, enabled, intact FROM reshard.move CROSS JOIN reshard.guard WHERE move = $1";

/// A move at one of its two databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: MoveState,
    /// The plan that armed it.
    pub plan: PlanUuid,
    /// The time, by the server's clock, from which a fence lets writes pass; only if it is `fenced`.
    pub until: Option<SystemTime>,
    /// True if that time was over by then.
    pub is_over: bool,
    /// True if writes that pass are logged.
    pub is_captured: bool,
    /// The lease under which the state was last changed.
    pub epoch: i64,
    /// The kill switch.
    pub switch: KillSwitch,
}

/// The kill switch, as a move has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillSwitch {
    /// The guard is on, and was all the time.
    On,
    /// The guard is on again, and nobody knows what passed while it was off.
    WasOff,
    /// The guard is off: no state means anything.
    Off,
}

impl Standing {
    fn read(row: &Row, failed: impl Fn(Error) -> DatabaseError) -> Result<Self, GuardError> {
        let failed = &failed;
        let state: &str = row.try_get(0).map_err(failed)?;
        let plan: &str = row.try_get(1).map_err(failed)?;
        let unexpected = |what| RowsError::Unexpected { what };
        Ok(Self {
            state: state.parse().map_err(|_| unexpected(format!("the state {state:?}")))?,
            plan: plan.parse().map_err(|_| unexpected(format!("the plan {plan:?}")))?,
            until: row.try_get(2).map_err(failed)?,
            is_over: row.try_get(3).map_err(failed)?,
            is_captured: row.try_get(4).map_err(failed)?,
            epoch: row.try_get(5).map_err(failed)?,
            switch: match (row.try_get(6).map_err(failed)?, row.try_get(7).map_err(failed)?) {
                (false, _) => KillSwitch::Off,
                (true, true) => KillSwitch::On,
                (true, false) => KillSwitch::WasOff,
            },
        })
    }

    /// The reason why a move that should have been in `expected` was not changed.
    pub(super) fn refusal(
        found: Option<&Self>,
        number: MoveNumber,
        expected: MoveState,
        transaction: &Transaction<'_>,
    ) -> GuardError {
        let host = transaction.host();
        let plan = transaction.lease().plan;
        match found {
            Some(found) if found.plan != plan => {
                GuardError::OtherPlan { number, host, plan: found.plan }
            }
            Some(found) if found.switch == KillSwitch::Off => GuardError::Off { host },
            Some(found) if found.switch == KillSwitch::WasOff => {
                GuardError::LostTrack { number, host }
            }
            Some(found) => GuardError::State { number, host, found: Some(found.state), expected },
            None => GuardError::State { number, host, found: None, expected },
        }
    }
}

/// Looks at a move; `None` if there is none with this number.
///
/// # Errors
///
/// [`GuardError::Database`]
pub async fn look(database: &Database, number: MoveNumber) -> Result<Option<Standing>, GuardError> {
    let failed = |source| database.error(DOING, source);
    let row = database.query_opt(SQL, &[&number.number()]).await.map_err(failed)?;
    row.map(|row| Standing::read(&row, failed)).transpose()
}

/// Looks at a move within a transaction.
pub(super) async fn look_within(
    transaction: &Transaction<'_>,
    number: MoveNumber,
) -> Result<Option<Standing>, GuardError> {
    let rows = transaction.query(DOING, SQL, &[&number.number()]).await?;
    let failed = |source| transaction.error(DOING, source);
    rows.first().map(|row| Standing::read(row, failed)).transpose()
}
