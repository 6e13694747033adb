//! Manatee.

mod error;
mod freeze_mark;
mod id;
mod initial;
mod lsn;
mod peer;
mod promote;
mod servers;
mod session;
mod state;
#[cfg(test)]
mod testdata;
mod transaction;
mod transition;
mod validate;
mod wire;

pub use error::{Cause, ZooKeeperError};
pub use freeze_mark::Freeze;
pub use id::{BadShardName, PeerId, ShardName, ZoneId};
pub use initial::{InitialStateError, founding_state, initial_state, singleton_state};
pub use lsn::{BadLsn, Lsn};
pub use peer::{BadPgUrl, Peer, PgEndpoint};
pub use promote::{Promote, PromoteVerdict, promote_verdict};
pub use servers::Servers;
pub use session::{Session, SessionEvent, SessionEvents, SessionOptions};
pub use state::{ClusterState, Generation, InitWal, Role, StateError};
pub use transition::{IllegalTransition, Transition, check_transition};
pub use validate::{Problem, Severity, problems};
