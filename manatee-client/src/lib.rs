//! A typed client of Manatee shards.
//!
//! Manatee keeps a chain of PostgreSQL servers replicating: a primary, its synchronous standby, and asyncs behind that. Which
//! server has which role is written in ZooKeeper, and every server's sitter follows what is written there. This crate reads and
//! writes that state directly, asks the PostgreSQL servers themselves how far they are, and shows both as `manatee-adm` does.
//! It is made for programs that change shards: one invalid write to a shard's state kills all of its sitters, so none is sent
//! that they could not live with or that must not follow the state before.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use manatee_client::{Postgres, ReplayWait, Session, SessionOptions, Shard};
//!
//! let session = Session::connect(&"10.99.4.2:2181".parse()?, &SessionOptions::default()).await?;
//! let shard = Shard::new(session, "9.moray.lab.example.net".parse()?);
//!
//! // No takeover from here on, and nobody but this owner lifts the freeze.
//! shard.freeze("2024-05-06T07:08:09Z".parse()?, "plan 7 waits for the tail", "plan-7").await?;
//!
//! // Wait until the last server of the chain has replayed what the first has written.
//! let state = shard.read_existing().await?.state;
//! let second = Duration::from_secs(1);
//! let written = Postgres::new(state.primary.endpoint()?, second).current_position().await?;
//! if let Some(tail) = state.asyncs.last() {
//!     let tail = Postgres::new(tail.endpoint()?, second);
//!     let wait = ReplayWait::up_to(Duration::from_secs(60));
//!     tail.wait_for_replay(written, wait, |step| println!("{:?} bytes missing", step.missing)).await?;
//! }
//! shard.unfreeze("plan-7").await?;
//! # Ok(())
//! # }
//! ```
//!
//! * **State**: [`ClusterState`], [`state_problems`] (what kills a sitter), [`check_transition`], [`initial_state`].
//! * **ZooKeeper**: [`Coordination`], which opens a [`Session`], and its [`SessionEvents`]; [`Shard`] (read, watch, election,
//!   compare-and-set writes with history, freezes), [`Lock`] with fencing tokens, [`DumpLock`].
//! * **PostgreSQL**: [`Postgres`], [`Lsn`], [`Downstream`], [`running_dump`].
//! * **Views**: [`ClusterView`] (`show`, `peers`, `pg-status`, `verify`), [`history_table`], and [`ShowText`], which reads what
//!   `manatee-adm show` printed.
//!
//! The facts about Manatee are taken from its sources, version 2.1.1 of manatee-adm and the sitters of that time. `TRAPS.md` in
//! the package lists where a client can go wrong, and what keeps this one from it.

mod coordination;
mod deadline;
mod dump_lock;
mod dumps;
mod election;
mod error;
mod fence;
mod freeze;
mod freeze_mark;
mod history;
mod id;
mod initial;
mod lock;
mod lsn;
mod peer;
mod postgres;
mod printable;
mod remove;
mod replication;
mod servers;
mod shard;
mod show_text;
mod state;
mod switch;
#[cfg(test)]
mod testdata;
mod transaction;
mod transition;
mod views;
mod wait_for_replay;
mod wire;
mod write;

#[cfg(feature = "sim")]
pub use coordination::MemoryCoordination;
pub use coordination::{
    BriefSession, Coordination, Session, SessionEvent, SessionEvents, SessionOptions,
};
pub use dump_lock::{DumpLock, DumpLockError, DumpLockHolder, DumpLockState};
pub use dumps::{DUMP_PORT, RunningDump, running_dump};
pub use election::{Announced, Candidate, CandidateWatch, active_candidates};
pub use error::{Cause, ZooKeeperError};
pub use freeze::{Frozen, Unfrozen};
pub use freeze_mark::{Freeze, UNNAMED_OWNER};
pub use history::{HistoryEntry, HistoryEvent, Version1Event};
pub use id::{BadShardName, PeerId, ShardName, ZoneId};
pub use initial::{InitialStateError, founding_state, initial_state, singleton_state};
pub use lock::{HeldLock, Lock, LockError, LockNote, LockRecord, LockState, Takeover};
pub use lsn::{BadLsn, Lsn};
pub use peer::{BadPgUrl, Peer, PgEndpoint};
pub use postgres::{Postgres, PostgresError, Writability};
pub use remove::Removed;
pub use replication::{Downstream, ServerVersion, downstream_named};
pub use servers::Servers;
pub use shard::{Shard, ShardError, StateWatch, StoredState};
pub use show_text::{
    ShowText, ShowTextError, ShownDownstream, ShownFreeze, ShownPeer, ShownServer,
};
pub use state::{
    ClusterState, Generation, InitWal, Problem, Promote, PromoteVerdict, Role, Severity,
    StateError, promote_verdict, state_problems,
};
pub use switch::{Gate, Switch, SwitchError, SwitchStanding};
pub use transaction::Transaction;
pub use transition::{IllegalTransition, Transition, check_transition};
pub use views::{
    BadLag, ClusterView, Column, Columns, Issue, IssueLevel, Lag, Link, PeerView, PostgresView,
    UnsupportedColumn, Verification, history_json, history_summaries, history_table,
};
pub use wait_for_replay::{ReplayError, ReplayProgress, ReplayWait};
pub use write::Established;
