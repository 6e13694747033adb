//! Guard and change log: triggers in a shard's database that refuse writes of moving vnodes while they are fenced, and log
//! them otherwise, so that another database can follow.
//!
//! Usable by itself, on any PostgreSQL from 9.6 on. The order of a move, with `S` for its source and `T` for its target:
//!
//! 1. [`install`] the schema `reshard` in both, take the [`Lease`], and [`arm`](fn@arm) the move at `S`.
//! 2. Bring the rows to `T`: a physical copy that is made afterwards, or [`Copy`](struct@Copy).
//! 3. [`Replay`] the log of `S` at `T` until it is short, and [`Verify`] all rows.
//! 4. [`fence`](fn@fence) the move at `S`; replay the log to its end; [`seal`](fn@seal); [`open`](open_target) it at `T`; [`mark_moved`] at `S`.
//! 5. [`remove`](fn@remove) it all.
//!
//! Each step can be made again after a crash. The rules with numbers, such as R5, stand in `docs/rules.md`.

mod arm;
mod blockers;
mod buckets;
mod canary;
mod closed;
mod commit;
mod connections;
mod copy;
mod error;
mod fence;
mod identity;
mod key_range;
mod log;
mod members;
mod moves;
mod pace;
mod patience;
mod preflight;
mod remove;
mod replay;
mod retryable;
mod schema;
mod seal;
mod sequences;
mod session;
mod snapshots;
mod standing;
mod switch;
mod tables;
mod target;
mod tuples;
mod verify;
mod watch;

pub use arm::{ArmOptions, Armed, arm};
pub use blockers::Blocker;
pub use commit::CommitError;
pub use connections::Connections;
pub use copy::{Copy, CopyOptions, CopyProgress};
pub use error::{GuardError, OtherColumns};
pub use fence::{Fence, FenceOptions, fence, unfence, wait_for_fence_at};
pub use identity::{Identity, IdentityChange};
pub use log::{Lag, LogBound, LogSize, Rotation, check_log, rotate_log};
pub use moves::{MoveNumber, MoveState};
pub use patience::{Patience, Waited};
pub use preflight::{GuardFinding, SettingScope, bypasses, preflight};
pub use remove::{Removed, remove};
pub use replay::{Drained, Replay, ReplayOptions, ReplayProgress, Touched};
pub use schema::{SCHEMA_VERSION, install};
pub use seal::{SealOptions, Sealed, find_sealed, mark_moved, seal, unseal};
pub use sequences::{Advanced, advance_sequences};
pub use session::{Lease, Session, Transaction};
pub use snapshots::{OldestSnapshot, SnapshotKind, oldest_snapshot};
pub use standing::{KillSwitch, Standing, look};
pub use switch::turn_guard;
pub use tables::{Side, TableDifference, compare_tables, guarded_tables};
pub use target::{
    TargetAborted, TargetOpen, TargetStanding, abort_target, close_copied_target, close_target,
    look_at_target, open_target, set_read_only,
};
pub use verify::{
    Age, Difference, SeenVersion, Verified, Verify, VerifyOptions, VerifyPlaces, VerifyProgress,
};

#[cfg(test)]
pub(crate) mod tests;
