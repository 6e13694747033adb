//! The errors of reading, comparing and deleting rows.

use manatee_client::{BadPgUrl, PostgresError, ShardError, ShardName};

use super::proof::SeenRow;
use super::tables::Table;
use crate::deployment::DatabaseError;
use crate::hint::{Hint, Operation, hint};
use crate::retryable::{Retryable, look};

/// Rows could not be read, compared or deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// A database did not do what it was asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A shard's state cannot be read, or it has none.
    #[error("the state of the shard {shard} cannot be read")]
    Shard {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: ShardError,
    },
    /// A peer's URL cannot be used.
    #[error("a peer of the shard {shard} cannot be connected to")]
    PgUrl {
        /// The shard.
        shard: ShardName,
        /// The fault in it.
        source: BadPgUrl,
    },
    /// The server that the shard's state names as primary does not take writes.
    #[error("the primary of {shard} does not take writes: it replays another server's log")]
    NotPrimary {
        /// The shard.
        shard: ShardName,
    },
    /// A server does not tell how far its standbys are.
    #[error("the primary of {shard} does not tell how far its standbys are")]
    Lag {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: PostgresError,
    },
    /// A server's answer makes no sense.
    #[error("PostgreSQL answers {what}, which makes no sense")]
    Unexpected {
        /// The answer.
        what: String,
    },
    /// A shard is concerned that nobody has connected to.
    #[error("rows of {holder} are kept by {keeper}, which is no shard of this split")]
    UnknownShard {
        /// The shard that has them.
        holder: ShardName,
        /// The one that keeps them.
        keeper: ShardName,
    },
    /// The databases are not copies of one another.
    #[error(
        "the databases of {one} and {other} are not copies of one another (system identifiers {ids})"
    )]
    NotCopies {
        /// A shard.
        one: ShardName,
        /// Another.
        other: ShardName,
        /// Their identifiers.
        ids: String,
    },
    /// A ring does not tell which shard keeps which rows.
    #[error("the ring {problem}")]
    Ring {
        /// The fault in it.
        problem: String,
    },
    /// It is not known which tables are Moray's.
    #[error(
        "the database moray of {host} has no table buckets_config where the role moray looks for it, so nobody knows which \
         tables are buckets"
    )]
    NoBuckets {
        /// The server's address.
        host: String,
    },
    /// There is no proof that a row may be deleted.
    #[error(transparent)]
    Unproven(Box<Unproven>),
    /// The shard that rows belong to has no row at all of their table.
    #[error(transparent)]
    EmptyKeeper(Box<EmptyKeeper>),
}

/// The shard that rows belong to has no row at all of their table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{keeper} has no row at all of {table}, though rows of it at {holder} belong there ({first:?} is one): they may be the \
     only copies and are not deleted",
    first = self.keys.first().map_or("", String::as_str)
)]
pub struct EmptyKeeper {
    /// The table.
    pub table: Table,
    /// The shard that has rows and should not.
    pub holder: ShardName,
    /// The shard that they belong to.
    pub keeper: ShardName,
    /// The keys of some of them.
    pub keys: Vec<String>,
}

/// There is no proof that a row may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the row {key:?} of {table} at {holder} ({held}) belongs to {keeper}, which {}; nothing shows that {keeper} ever had it, \
     so it may be the only copy and is not deleted",
    self.seen()
)]
pub struct Unproven {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// The shard that has the row and should not.
    pub holder: ShardName,
    /// The row there.
    pub held: SeenRow,
    /// The shard that it belongs to.
    pub keeper: ShardName,
    /// The row there, if there is one.
    pub kept: Option<SeenRow>,
}

impl Unproven {
    fn seen(&self) -> String {
        match &self.kept {
            Some(kept) => format!("has another one ({kept})"),
            None => "has no row with this key".to_owned(),
        }
    }
}

impl Retryable for RowsError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Database(source) => source.may_pass(),
            Self::Shard { source, .. } => source.may_pass(),
            // Roles change under our connections.
            Self::NotPrimary { .. } | Self::Lag { .. } => true,
            Self::PgUrl { .. }
            | Self::Unexpected { .. }
            | Self::Ring { .. }
            | Self::UnknownShard { .. }
            | Self::NotCopies { .. }
            | Self::NoBuckets { .. }
            | Self::Unproven(_)
            | Self::EmptyKeeper(_) => false,
        }
    }

    fn remedy(&self) -> Hint {
        match self {
            Self::Unproven(unproven) => {
                let Unproven { table, key, holder, keeper, .. } = &**unproven;
                let text = format!(
                    "find out who wrote it (something that bypasses electric-moray?): compare the row {key:?} of {table} at the \
                     primaries of {holder} and {keeper}; copy it to {keeper}, or delete it at {holder}; then "
                );
                hint!(text, Operation::Resume)
            }
            Self::EmptyKeeper(empty) => {
                let EmptyKeeper { table, holder, keeper, .. } = &**empty;
                let text = format!(
                    "find out how {table} at {keeper} became empty (was it truncated, or recreated?): if the rows are missed \
                     there, copy them from {holder}; if their clients have deleted them all, delete them at {holder} too ("
                );
                let count = Operation::CountRows { shard: holder.clone() };
                hint!(text, count, " counts them); then ", Operation::Resume)
            }
            Self::NotCopies { one, other, .. } => hint!(
                format!(
                    "{other} was rebuilt from something else than {one} since the split: delete nothing before it is known which \
                     rows each has; then "
                ),
                Operation::Resume
            ),
            Self::NotPrimary { shard } => {
                hint!(
                    format!("see `manatee-adm show` in a postgres zone of {shard}; then "),
                    Operation::Resume
                )
            }
            Self::Database(_)
            | Self::Shard { .. }
            | Self::PgUrl { .. }
            | Self::Lag { .. }
            | Self::Unexpected { .. }
            | Self::Ring { .. }
            | Self::UnknownShard { .. }
            | Self::NoBuckets { .. } => look(),
        }
    }
}
