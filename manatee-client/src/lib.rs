//! Manatee.

mod dump_lock;
mod dumps;
mod election;
mod error;
mod freeze;
mod freeze_mark;
mod history;
mod id;
mod initial;
mod lock;
mod lsn;
mod peer;
mod postgres;
mod promote;
mod replication;
mod servers;
mod session;
mod shard;
mod show_text;
mod state;
#[cfg(test)]
mod testdata;
mod transaction;
mod transition;
mod validate;
mod views;
mod wait_for_replay;
mod wire;
mod write;

pub use dump_lock::{DumpLock, DumpLockError, DumpLockHolder, DumpLockState};
pub use dumps::{DUMP_PORT, RunningDump, running_dump};
pub use election::{Announced, Candidate, CandidateWatch, active};
pub use error::{Cause, ZooKeeperError};
pub use freeze::{Frozen, Unfrozen};
pub use freeze_mark::Freeze;
pub use history::{HistoryEntry, HistoryEvent, Version1Event};
pub use id::{BadShardName, PeerId, ShardName, ZoneId};
pub use initial::{InitialStateError, founding_state, initial_state, singleton_state};
pub use lock::{HeldLock, Lock, LockError, LockRecord, LockState, Takeover};
pub use lsn::{BadLsn, Lsn};
pub use peer::{BadPgUrl, Peer, PgEndpoint};
pub use postgres::{Postgres, PostgresError, Writability};
pub use promote::{Promote, PromoteVerdict, promote_verdict};
pub use replication::{Downstream, ServerVersion, downstream_named};
pub use servers::Servers;
pub use session::{Session, SessionEvent, SessionEvents, SessionOptions};
pub use shard::{Shard, ShardError, StateWatch, StoredState};
pub use show_text::{
    ShowText, ShowTextError, ShownDownstream, ShownFreeze, ShownPeer, ShownServer,
};
pub use state::{ClusterState, Generation, InitWal, Role, StateError};
pub use transition::{IllegalTransition, Transition, check_transition};
pub use validate::{Problem, Severity, problems};
pub use views::{
    ClusterView, Column, Columns, Issue, IssueLevel, BadLag, Lag, Link, PeerView, PostgresView, UnsupportedColumn,
    Verification, history_json, history_summaries, history_table,
};
pub use wait_for_replay::{ReplayError, ReplayProgress, ReplayWait};
pub use write::Established;
