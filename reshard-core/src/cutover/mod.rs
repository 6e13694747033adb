//! The cutover of the guarded mode: the vnodes of a move become the target's in a fraction of a second, whatever the number of
//! routers.
//!
//! Everything is prepared: the guard is armed at the source and closed at the target ([`crate::guard`]), the rows are the same but
//! for a short log, and the Morays of the new name follow a [`Switch`](manatee_client::Switch) that leads to the source. Then
//! [`Cutover::run`] takes these steps, and [`CutoverRecord`] says how long each took:
//!
//! | step | `queue` | `refuse` |
//! |---|---|---|
//! | look | everything is as it has to be | the same |
//! | gate | the switch leads nowhere, requests wait | – |
//! | quiet | no Moray of the name has a session at the source | – |
//! | fence | writes that come by another way are refused | writes of the moving vnodes are refused |
//! | drain, compare | the log is replayed to its end | the same |
//! | seal | the source refuses for good | the same |
//! | check | nobody has taken over at the source or at the target | the same |
//! | sequences, open | **the target opens: this commit is the cutover** | after the switch |
//! | switch | the switch leads to the target | before the target opens |
//! | confirm | every Moray has a session at the target, none at the source | the same |
//!
//! Up to the seal it lets go by itself, even if this process dies: the gate goes with its session, the fence with its time. From the
//! seal on [`finish`] leads to one of two ends, at whatever host. The protocol, its reasons and what was measured of it stand in
//! `docs/guarded.md`.

mod error;
mod finish;
mod looks;
mod options;
mod record;
mod sessions;
mod steps;
#[cfg(test)]
mod tests;

pub use self::error::CutoverError;
pub use self::finish::{Finished, Settling, finish};
pub use self::looks::Parties;
pub use self::options::{CutoverOptions, Way};
pub use self::record::{CutoverRecord, StepRecord, Verdict};
pub use self::sessions::{MorayAddresses, MoraySessions, moray_sessions};
pub use self::steps::Cutover;
