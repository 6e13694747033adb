//! Putting the guard up (rule R3).

use std::time::{Duration, Instant};

use manatee_client::Lsn;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::ToSql;

use super::blockers::{WEAK_LOCKS, older_than};
use super::canary::try_writes;
use super::error::GuardError;
use super::identity::{Identity, wal_position};
use super::moves::{MoveNumber, MoveState};
use super::patience::{Patience, change_tables};
use super::preflight::{GuardFinding, bypasses};
use super::session::{Session, Transaction};
use super::standing::{Standing, look_within};
use super::tables::{
    ON_BUCKETS, ON_ROWS, ON_TRUNCATE, TRIGGERS, buckets_config, compare_tables, guarded_tables,
};
use crate::VnodeSet;
use crate::rows::{Table, list_tables};

const DOING: &str = "arm the move";
/// The pause between two looks at older transactions.
const LOOK: Duration = Duration::from_millis(20);

/// The way in which the guard is put up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArmOptions {
    /// For the triggers.
    pub tables: Patience,
    /// The longest wait for the transactions that were open when the guard came up. Default a minute.
    pub older: Duration,
}

impl Default for ArmOptions {
    fn default() -> Self {
        Self { tables: Patience::FOR_TABLES, older: Duration::from_mins(1) }
    }
}

/// A move that is armed: from here on the log has everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// The move.
    pub number: MoveNumber,
    /// A position in the source's write-ahead log: what was written before it is in the tables, what is written after it is in the
    /// change log as well. So a snapshot that is taken now has the first.
    pub position: Lsn,
    /// The source's database.
    pub identity: Identity,
    /// The guarded buckets.
    pub tables: Vec<Table>,
    /// The number of attempts that the triggers took; 0 if all of them were there.
    pub attempts: u32,
}

/// Arms a move at its source: rows of its vnodes are logged from now on, and can be fenced. The source's generation in Manatee is
/// for its identity.
///
/// A move that is armed with the same vnodes by the same plan is left as it is; then this only waits for what is older, and
/// compares the tables, as it does after every arm. So it can be repeated after a crash.
///
/// # Errors
///
/// [`GuardError::Unsafe`] if writes could get past the guard; [`GuardError::OtherSet`], [`GuardError::OtherPlan`] and
/// [`GuardError::VnodeTaken`] if the move, or one of its vnodes, is in use; [`GuardError::Busy`] names transactions in the way;
/// [`GuardError::Canary`] and [`GuardError::CanaryNotLogged`] if the guard does not work there; [`GuardError::Tables`] if buckets
/// changed meanwhile. Where nothing is said of a COMMIT, nothing has changed but in the last two.
pub async fn arm(
    session: &mut Session,
    number: MoveNumber,
    vnodes: &VnodeSet,
    generation: u64,
    options: &ArmOptions,
) -> Result<Armed, GuardError> {
    let tables = list_tables(session.database()).await?.sharded;
    let attempts =
        put_up(session, number, vnodes, tables, MoveState::Open, &options.tables).await?;
    wait_for_older(session, options.older).await?;
    let database = session.database();
    let differences = compare_tables(database, None, number).await?;
    if !differences.is_empty() {
        return Err(GuardError::Tables { differences });
    }
    Ok(Armed {
        number,
        position: wal_position(database).await?,
        identity: Identity::read(database, generation).await?,
        tables: guarded_tables(database, number).await?,
        attempts,
    })
}

/// Puts up the guard of a move, in one transaction, with the triggers that are not there yet; says how many attempts those took.
/// It begins in the state `open` or `closed`.
pub(super) async fn put_up(
    session: &mut Session,
    number: MoveNumber,
    vnodes: &VnodeSet,
    tables: Vec<Table>,
    state: MoveState,
    patience: &Patience,
) -> Result<u32, GuardError> {
    let host = session.database().endpoint().host.clone();
    let mut findings = bypasses(session.database()).await?;
    if tables.is_empty() {
        findings.push(GuardFinding::NoTables);
    }
    if !findings.is_empty() {
        return Err(GuardError::Unsafe { host, findings });
    }
    let transaction = session.begin().await?;
    // Whoever removes the last move locks this row, and then the triggers.
    let sql = "SELECT enabled FROM reshard.guard FOR SHARE";
    if !transaction.value::<bool>(DOING, sql, &[]).await? {
        return Err(GuardError::Off { host });
    }
    let numbers: Vec<i64> = vnodes.iter().map(|vnode| i64::from(vnode.number())).collect();
    if let Some(found) = look_within(&transaction, number).await? {
        check_same(&transaction, number, &found, &numbers).await?;
        if found.state == state {
            return Ok(0);
        }
        return Err(Standing::refusal(Some(&found), number, state, &transaction));
    }
    // The vnodes first, which may take seconds, and the locks of tables last, which make writers wait.
    enter(&transaction, number, &numbers, &tables).await?;
    let attempts = make_triggers(&transaction, &tables, patience).await?;
    try_writes(&transaction, &tables, vnodes).await?;
    if state == MoveState::Closed {
        let sql = "UPDATE reshard.move SET state = 'closed', captured = false WHERE move = $1";
        transaction.execute(DOING, sql, &[&number.number()]).await?;
    }
    transaction.commit().await?;
    Ok(attempts)
}

async fn check_same(
    transaction: &Transaction<'_>,
    number: MoveNumber,
    found: &Standing,
    vnodes: &[i64],
) -> Result<(), GuardError> {
    let host = transaction.host();
    if found.plan != transaction.lease().plan {
        return Err(GuardError::OtherPlan { number, host, plan: found.plan });
    }
    let sql = "SELECT (SELECT count(*) FROM reshard.moving WHERE move = $1) = cardinality($2::bigint[]) \
               AND NOT EXISTS (SELECT 1 FROM unnest($2::bigint[]) AS expected (vnode) \
               LEFT JOIN reshard.moving USING (vnode) WHERE move IS DISTINCT FROM $1)";
    if transaction.value(DOING, sql, &[&number.number(), &vnodes]).await? {
        return Ok(());
    }
    Err(GuardError::OtherSet { number, host })
}

async fn enter(
    transaction: &Transaction<'_>,
    number: MoveNumber,
    vnodes: &[i64],
    tables: &[Table],
) -> Result<(), GuardError> {
    let sql = "SELECT vnode, move FROM reshard.moving WHERE vnode = ANY ($1) LIMIT 1";
    if let Some(row) = transaction.query(DOING, sql, &[&vnodes]).await?.first() {
        return Err(GuardError::VnodeTaken {
            vnode: transaction.cell(DOING, row, 0)?,
            number: MoveNumber::new(transaction.cell(DOING, row, 1)?),
            host: transaction.host(),
        });
    }
    let sql = "INSERT INTO reshard.move (move, plan, state, captured, epoch, bucket_change) \
               SELECT $1, $2::text::uuid, 'open', true, $3, coalesce(max(change), 0) \
               FROM reshard.bucket_change";
    let lease = transaction.lease();
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&number.number(), &lease.plan.to_string(), &lease.epoch];
    transaction.execute(DOING, sql, &parameters).await?;
    let sql = "INSERT INTO reshard.moving (vnode, move) SELECT vnode, $2 FROM unnest($1::bigint[]) AS vnode";
    transaction.execute(DOING, sql, &[&vnodes, &number.number()]).await?;
    // Sessions that have planned the look-up in a table of a page plan it anew.
    transaction.batch(DOING, "ANALYZE reshard.moving").await?;
    for table in tables {
        let sql = "INSERT INTO reshard.guarded (move, table_schema, table_name, columns) \
                   VALUES ($1, $2, $3, $4)";
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&number.number(), &table.schema, &table.name, &table.columns];
        transaction.execute(DOING, sql, &parameters).await?;
    }
    Ok(())
}

async fn make_triggers(
    transaction: &Transaction<'_>,
    tables: &[Table],
    patience: &Patience,
) -> Result<u32, GuardError> {
    let mut wanted: Vec<(String, &str, &str)> = Vec::new();
    for table in tables {
        let rows = "AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE PROCEDURE reshard.check_row()";
        let truncate =
            "BEFORE TRUNCATE ON {} FOR EACH STATEMENT EXECUTE PROCEDURE reshard.check_truncate()";
        wanted.extend([(table.sql(), ON_ROWS, rows), (table.sql(), ON_TRUNCATE, truncate)]);
    }
    if let Some(table) = tables.first() {
        let note = "AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE PROCEDURE reshard.note_bucket()";
        wanted.push((buckets_config(&table.schema).sql(), ON_BUCKETS, note));
    }
    let (mut sql, mut names) = (Vec::new(), Vec::new());
    for (table, trigger, definition) in wanted {
        let rows = transaction.query(DOING, TRIGGERS, &[&table]).await?;
        let there = rows.iter().map(|row| transaction.cell::<&str>(DOING, row, 0));
        if !there.collect::<Result<Vec<_>, _>>()?.contains(&trigger) {
            sql.push(format!("CREATE TRIGGER {trigger} {}", definition.replace("{}", &table)));
            names.push(table);
        }
    }
    if sql.is_empty() {
        return Ok(0);
    }
    change_tables(transaction, &sql.join("; "), &names, &WEAK_LOCKS, patience, DOING).await
}

/// Waits until nobody can still commit what the guard has not seen: writes of vnodes that did not move when they were made.
async fn wait_for_older(session: &mut Session, longest: Duration) -> Result<(), GuardError> {
    let doing = "wait for the transactions that began before the move was armed";
    let began = Instant::now();
    let database = session.database();
    // A number of our own: a snapshot's xmax may be lower than that of transactions that are under way.
    let mine: i64 = database.value(doing, "SELECT txid_current()", &[]).await?;
    let sql = "SELECT txid_snapshot_xmin(txid_current_snapshot()) > $1";
    while !database.value::<bool>(doing, sql, &[&mine]).await? {
        if began.elapsed() > longest {
            let host = database.endpoint().host.clone();
            let blockers = older_than(database, mine).await?;
            return Err(GuardError::Busy { doing, host, attempts: 1, blockers });
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
