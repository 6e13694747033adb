//! The errors of the guard and the change log.

use super::blockers::{Blocker, listed};
use super::commit::CommitError;
use super::identity::IdentityChange;
use super::log::{LogBound, LogSize};
use super::moves::{MoveNumber, MoveState};
use super::preflight::GuardFinding;
use super::session::Lease;
use super::tables::TableDifference;
use crate::PlanUuid;
use crate::deployment::DatabaseError;
use crate::rows::RowsError;

/// The guard could not be set up, changed or asked, or rows could not follow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A database did not do what it was asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A COMMIT is not known to be done.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Rows or tables could not be read.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// Another executor acts for the plan, or none may any more.
    #[error(
        "the plan {} is somebody else's at {host}: epoch {} is not {}", lease.plan,
        found.map_or("none".to_owned(), |epoch| epoch.to_string()), lease.epoch
    )]
    LeaseLost {
        /// The lease that was held.
        lease: Lease,
        /// The server.
        host: String,
        /// The epoch that is there.
        found: Option<i64>,
    },
    /// The schema `reshard` was installed by another version of this library.
    #[error(
        "the schema reshard at {host} is of version {found}; this program has version {expected}"
    )]
    SchemaVersion {
        /// The server.
        host: String,
        /// Its version there.
        found: i32,
        /// The version that this library installs.
        expected: i32,
    },
    /// A move is not in the state that was expected.
    #[error(
        "the move {number} at {host} is {}, not {expected}",
        found.map_or("not there", MoveState::name)
    )]
    State {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
        /// Its state, if there is such a move.
        found: Option<MoveState>,
        /// The state that it should have.
        expected: MoveState,
    },
    /// Others hold what is needed, and did not end in time.
    #[error("cannot {doing} at {host} in {attempts} attempts; in the way: {}", listed(blockers))]
    Busy {
        /// The thing that was to be done.
        doing: &'static str,
        /// The server.
        host: String,
        /// The number of attempts.
        attempts: u32,
        /// Those who were in the way at the last look that found somebody.
        blockers: Vec<Blocker>,
    },
    /// Writes could get past a guard in the database.
    #[error("a guard at {host} would not hold: {}", in_one_line(findings))]
    Unsafe {
        /// The server.
        host: String,
        /// The reasons.
        findings: Vec<GuardFinding>,
    },
    /// The buckets are not those any more that are guarded.
    #[error("the buckets are not those that are guarded: {}", in_one_line(differences))]
    Tables {
        /// The differences.
        differences: Vec<TableDifference>,
    },
    /// The number of the move is another plan's.
    #[error("the move {number} at {host} is the plan {plan}'s")]
    OtherPlan {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
        /// The plan that has armed it.
        plan: PlanUuid,
    },
    /// The move was armed with other vnodes, and its set never changes.
    #[error("the move {number} at {host} was armed with other vnodes: another set is another move")]
    OtherSet {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
    },
    /// A vnode is another move's.
    #[error("the vnode {vnode} at {host} is of the move {number} already")]
    VnodeTaken {
        /// The vnode.
        vnode: i64,
        /// The other move.
        number: MoveNumber,
        /// The server.
        host: String,
    },
    /// The role `moray` cannot write a row with the guard in place.
    #[error("the role moray cannot write a row of {table} with the guard on it")]
    Canary {
        /// The table.
        table: String,
        /// The cause.
        source: DatabaseError,
    },
    /// The guard does not log what it should.
    #[error("the guard has logged {found} writes of a row of {table}, not {expected}")]
    CanaryNotLogged {
        /// The table.
        table: String,
        /// The entries that there are.
        found: i64,
        /// The entries that there should be.
        expected: i64,
    },
    /// The kill switch is off.
    #[error("the guard at {host} is turned off")]
    Off {
        /// The server.
        host: String,
    },
    /// The kill switch was off, so nobody knows what has passed.
    #[error(
        "the guard at {host} was turned off since the move {number} was armed: start another move"
    )]
    LostTrack {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
    },
    /// Nothing is logged of the move, so its rows cannot follow.
    #[error("the writes of the move {number} at {host} are not logged")]
    NotCaptured {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
    },
    /// The log is not drained, so the target does not have everything.
    #[error("the log of the move {number} at {host} has {entries} entries still")]
    LogNotEmpty {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
        /// The number of entries.
        entries: i64,
    },
    /// The fence falls too soon, has fallen, or is another one.
    #[error("the fence of the move {number} at {host} has not long enough to last")]
    TooLate {
        /// The move.
        number: MoveNumber,
        /// The server.
        host: String,
    },
    /// The database is no copy of the source that nobody writes to yet.
    #[error(
        "the database at {host} is {}", if *is_read_only { "the source itself" } else { "not read-only by default" }
    )]
    NotACopy {
        /// The server.
        host: String,
        /// True if it is read-only by default, as a copy has to be.
        is_read_only: bool,
    },
    /// A column gets its default from no sequence.
    #[error("the column {column} of {table} at the target has no sequence")]
    NoSequence {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A database is not the one any more with which the move was armed.
    #[error(transparent)]
    Identity(#[from] IdentityChange),
    /// Keys are hashed otherwise than the guard does it.
    #[error("the guard at {host} was installed for another ring: it hashes keys otherwise")]
    OtherHash {
        /// The server.
        host: String,
    },
    /// Source and target have other sets of vnodes for a move.
    #[error("the move {number} has other vnodes at {source_host} than at {target_host}")]
    OtherVnodes {
        /// The move.
        number: MoveNumber,
        /// The source.
        source_host: String,
        /// The target.
        target_host: String,
    },
    /// A bucket has other columns at the target than at the source, or is not there.
    #[error(transparent)]
    Columns(Box<OtherColumns>),
    /// The log has an entry of a bucket that was not guarded when this began to read it.
    #[error("the log at {host} has entries of the bucket {bucket}, which was not guarded before")]
    UnknownBucket {
        /// The bucket.
        bucket: String,
        /// The source.
        host: String,
    },
    /// A row cannot be put, because the target has another one in its place that is not of the move, or not replayed yet.
    #[error("a row of {bucket} cannot be put: the target has another one in its place")]
    Occupied {
        /// The bucket.
        bucket: String,
        /// PostgreSQL's words.
        source: DatabaseError,
    },
    /// Not all rows were copied.
    #[error("the rows of {bucket} are not all copied for the move {number} at {host}")]
    NotCopied {
        /// The move.
        number: MoveNumber,
        /// The target.
        host: String,
        /// A bucket that is not copied to its end.
        bucket: String,
    },
    /// Another process copies the same rows.
    #[error(
        "somebody else copies {bucket} to {host}: the place up to which it is copied has changed"
    )]
    CopiedByAnother {
        /// The bucket.
        bucket: String,
        /// The target.
        host: String,
    },
    /// Pieces of work were given up for others so often that nothing came of it.
    #[error(
        "{bucket} at {host} cannot be read: it was given up {times} times, as others waited for the table or it took too long"
    )]
    NoPeace {
        /// The bucket.
        bucket: String,
        /// The server.
        host: String,
        /// The number of times in a row.
        times: u32,
    },
    /// The log has grown beyond what the caller allows.
    #[error(
        "the log at {host} has {} entries and {} bytes, more than the {} entries or {} bytes that it may have", size.entries,
        size.bytes, bound.entries, bound.bytes
    )]
    LogFull {
        /// The server.
        host: String,
        /// Its size.
        size: LogSize,
        /// The bound.
        bound: LogBound,
    },
}

/// A bucket has other columns at the target than at the source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the bucket {bucket} has the columns {} at {source_host}, and {} at {target_host}", self.source_columns.join(", "),
    self.target_columns.join(", ")
)]
pub struct OtherColumns {
    /// The bucket.
    pub bucket: String,
    /// The source.
    pub source_host: String,
    /// Its columns with their types; none if it has no such table.
    pub source_columns: Vec<String>,
    /// The target.
    pub target_host: String,
    /// Its columns.
    pub target_columns: Vec<String>,
}

fn in_one_line(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Tells whether the guard has refused a write.
pub(super) fn is_refused(error: &DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("RS"))
}
