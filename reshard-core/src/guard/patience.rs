//! Locks that are waited for without standing in anybody's way for long (rule R10).

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};

use super::blockers::{Blocker, holders_of, writers_of};
use super::error::GuardError;
use super::moves::MoveNumber;
use super::session::Transaction;
use crate::deployment::DatabaseError;

/// The first number of the advisory locks of moves; the second is the move's.
pub(super) const LOCKS: i32 = 1_919_251_304;
/// The pause between two looks at a lock for which nobody queues.
const LOOK: Duration = Duration::from_millis(1);
/// The pauses between attempts, so that writers get on meanwhile.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(25))
    .with_max_delay(Duration::from_millis(500))
    .with_jitter()
    .without_max_times();
/// "lock not available" and "deadlock detected".
const OF_LOCKS: [&str; 2] = ["55P03", "40P01"];

/// The way in which locks are waited for. Whoever queues for a lock makes others wait behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The time for which an attempt looks for a free moment before it queues, which makes nobody wait.
    pub polling: Duration,
    /// The longest that an attempt queues for a lock, which makes writers wait behind it. At least a millisecond.
    pub queueing: Duration,
    /// The number of attempts, between which there are pauses of 25 to 1,000 ms.
    pub attempts: u32,
}

impl Patience {
    /// For the lock of a move: polls 10 ms, queues 75 ms, 10 attempts.
    pub const FOR_WRITERS: Self = Self {
        polling: Duration::from_millis(10),
        queueing: Duration::from_millis(75),
        attempts: 10,
    };
    /// For changes of tables: queues 100 ms, 40 attempts, which are some 20 seconds.
    pub const FOR_TABLES: Self =
        Self { polling: Duration::ZERO, queueing: Duration::from_millis(100), attempts: 40 };

    /// SQL after which a transaction waits in this way, and to which an attempt goes back. A short `deadlock_timeout` lets
    /// PostgreSQL cancel an autovacuum that is in the way, and puts writers who would wait for each other through us in order.
    fn settings(&self) -> String {
        let queueing = self.queueing.as_millis().max(1);
        format!(
            "SET LOCAL lock_timeout = {queueing}; SET LOCAL deadlock_timeout = 10; SAVEPOINT attempt"
        )
    }
}

/// The time that a lock took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// The number of attempts that it took.
    pub attempts: u32,
    /// The time from the first attempt until it was there, to the microsecond.
    pub all: Duration,
    /// The part of it in which writers had to wait behind the attempts.
    pub queued: Duration,
}

/// Takes the lock of a move that writers of its rows share. It is held until the transaction ends.
pub(super) async fn lock_move(
    transaction: &Transaction<'_>,
    number: MoveNumber,
    patience: &Patience,
    doing: &'static str,
) -> Result<Waited, GuardError> {
    let began = Instant::now();
    let mut waited = Waited { attempts: 0, all: Duration::ZERO, queued: Duration::ZERO };
    let mut blockers = Vec::new();
    transaction.batch(doing, &patience.settings()).await?;
    for pause in PAUSES.build().take(patience.attempts.max(1) as usize) {
        waited.attempts += 1;
        if poll(transaction, number, patience.polling, doing).await? {
            waited.all = began.elapsed();
            return Ok(waited);
        }
        let queueing = Instant::now();
        let sql = "SELECT pg_advisory_xact_lock($1, $2)";
        let answer = transaction.query(doing, sql, &[&LOCKS, &number.number()]).await;
        waited.queued += queueing.elapsed();
        match answer {
            Ok(_) => {
                waited.all = began.elapsed();
                return Ok(waited);
            }
            Err(error) => give_way(transaction, error, doing).await?,
        }
        keep(&mut blockers, writers_of(transaction, number).await?);
        tokio::time::sleep(pause).await;
    }
    Err(busy(transaction, doing, waited.attempts, blockers))
}

async fn poll(
    transaction: &Transaction<'_>,
    number: MoveNumber,
    polling: Duration,
    doing: &'static str,
) -> Result<bool, GuardError> {
    let began = Instant::now();
    loop {
        let sql = "SELECT pg_try_advisory_xact_lock($1, $2)";
        if transaction.value(doing, sql, &[&LOCKS, &number.number()]).await? {
            return Ok(true);
        }
        if began.elapsed() + LOOK > polling {
            return Ok(false);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Runs statements that need strong locks of tables, and says how many attempts that took. Their locks are held until the
/// transaction ends; between attempts none is. `tables` are quoted names, of which locks of `harmless` modes are in nobody's way.
pub(super) async fn change_tables(
    transaction: &Transaction<'_>,
    sql: &str,
    tables: &[String],
    harmless: &[&str],
    patience: &Patience,
    doing: &'static str,
) -> Result<u32, GuardError> {
    let mut blockers = Vec::new();
    let mut attempts = 0;
    transaction.batch(doing, &patience.settings()).await?;
    for pause in PAUSES.build().take(patience.attempts.max(1) as usize) {
        attempts += 1;
        match transaction.batch(doing, sql).await {
            Ok(()) => return Ok(attempts),
            Err(error) => give_way(transaction, error, doing).await?,
        }
        keep(&mut blockers, holders_of(transaction, tables, harmless).await?);
        tokio::time::sleep(pause).await;
    }
    Err(busy(transaction, doing, attempts, blockers))
}

/// Gives up what an attempt has locked, if it failed for a lock.
async fn give_way(
    transaction: &Transaction<'_>,
    error: DatabaseError,
    doing: &'static str,
) -> Result<(), GuardError> {
    if !error.code().is_some_and(|code| OF_LOCKS.contains(&code)) {
        return Err(error.into());
    }
    transaction.batch(doing, "ROLLBACK TO SAVEPOINT attempt").await?;
    Ok(())
}

/// Those who are there at the last look may be others, or nobody.
fn keep(blockers: &mut Vec<Blocker>, found: Vec<Blocker>) {
    if !found.is_empty() {
        *blockers = found;
    }
}

fn busy(
    transaction: &Transaction<'_>,
    doing: &'static str,
    attempts: u32,
    blockers: Vec<Blocker>,
) -> GuardError {
    GuardError::Busy { doing, host: transaction.host(), attempts, blockers }
}
