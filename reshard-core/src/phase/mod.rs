//! A phase: one stage of a plan's execution.

mod budget;
mod context;
mod epoch_note;
mod error;
mod event;
pub(crate) mod facts;
mod lease;
mod permission;
mod sequence;
mod stopping;
mod wait;
mod withheld;
mod write_block;

use std::convert::Infallible;

use async_trait::async_trait;

pub use self::context::Context;
pub(crate) use self::epoch_note::EpochNote;
pub use self::error::{PhaseError, PhaseResultExt};
pub use self::event::{Event, Observer};
pub(crate) use self::lease::Lease;
pub use self::sequence::{
    BlockedPart, ClosedPart, OpenPart, PivotedPart, Sequence, SequenceError, Step, TurnedPart,
    WriteBlock,
};
pub use self::stopping::StopHandle;
pub use self::wait::{Poll, Wait};
pub use self::withheld::{Withheld, withheld};
pub use self::write_block::WriteBlockRecord;

/// One stage of a plan's execution.
///
/// A phase can be run again from its beginning at any time: after a crash, after a passing trouble, or because the
/// operator said so. So it reads what is there before it changes anything: the new value means done already, the
/// expected old value means do it, anything else is somebody else's change and a reason to hold.
#[async_trait]
pub trait Phase: Send + Sync {
    /// Its name, such as `freeze-source`: lower case and dashes, unique in a list of phases.
    fn name(&self) -> &'static str;

    /// Explains it, for people.
    fn about(&self) -> About;

    /// Says what is in the place of what the phase brought about, if that is not there any more: asked of the one that begins the
    /// write block when an executor finds it done.
    ///
    /// # Errors
    ///
    /// [`PhaseError`] if it cannot be seen.
    async fn lifted(&self, _: &Context) -> Result<Option<String>, PhaseError> {
        Ok(None)
    }

    /// The earlier phase up to which everything may have to be undone with this one, see [`Undone::Rewind`].
    fn rewinds_to(&self) -> Option<&'static str> {
        None
    }

    /// Rounds over all routers that undoing it takes while writes are refused: so much of the budget is kept for the way back.
    fn undo_rounds(&self) -> u32 {
        0
    }

    /// Tells whether what it found is of use only to the execution that found it. Done by an earlier one, it is done again,
    /// unless writes are refused by then, or, in a sequence that refuses none, the next phase has begun.
    fn expires(&self) -> bool {
        false
    }

    /// Brings about what the phase is for. Called again, it goes on where it was, or finds everything done.
    ///
    /// # Errors
    ///
    /// [`PhaseError`] says whether to try again or to ask the operator.
    async fn run(&self, context: &Context) -> Result<(), PhaseError>;

    /// Does what the phase would do as far as it can be taken back, takes it back, and notes what it found. Returns whether this phase
    /// can do that.
    ///
    /// # Errors
    ///
    /// [`PhaseError`], as for [`Phase::run`].
    async fn rehearse(&self, _: &Context) -> Result<bool, PhaseError> {
        Ok(false)
    }

    /// The later phase until which [`Phase::keep_up`] goes on. `None` if what the phase brought about needs nobody.
    fn kept_up_until(&self) -> Option<&'static str> {
        None
    }

    /// Keeps up what the phase brought about, beside the later phases that are run or undone. It has no end: troubles are logged, and
    /// tried again. It may be dropped at any moment.
    async fn keep_up(&self, _: &Context) -> Infallible {
        std::future::pending().await
    }

    /// The things that others cannot have from the beginning of this phase on.
    fn withholds(&self) -> &'static [Withheld] {
        &[]
    }

    /// The things that they have again at its end.
    fn gives_back(&self) -> &'static [Withheld] {
        &[]
    }

    /// Tells whether something of it must not be left half done: then somebody stands by while it is run or undone, and has
    /// [`Phase::rescue`] called if the executor is gone.
    fn is_urgent(&self) -> bool {
        false
    }

    /// Brings what an executor that is gone has left half done to the nearest end that can last. The phase is run or undone again
    /// later. Returns that end in words.
    ///
    /// # Errors
    ///
    /// [`PhaseError`], as for [`Phase::run`].
    async fn rescue(&self, _: &Context) -> Result<String, PhaseError> {
        Ok(String::new())
    }

    /// Rolls back whatever the phase did, also if it had only begun. Called again, it finds everything rolled back. Inside the
    /// write block a failure does not keep the original rings from going back: the phase is then run or undone again later.
    ///
    /// # Errors
    ///
    /// [`PhaseError`], as for [`Phase::run`].
    async fn undo(&self, context: &Context) -> Result<Undone, PhaseError>;
}

/// The outcome of undoing a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Everything is as it was before the phase.
    Completely,
    /// The phase that [`Phase::rewinds_to`] names has made something that cannot be used any more: before the plan goes on,
    /// everything back to and including that phase has to be undone too.
    Rewind,
}

/// A phase explained, for lists of phases and `docs/phases.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct About {
    /// Its work, in a few words: `freeze the source shard`.
    pub title: &'static str,
    /// The step of RFD 103 that it automates, such as `7`; empty for none.
    pub rfd103: &'static str,
    /// The things that it reads.
    pub reads: &'static str,
    /// The things that it changes.
    pub writes: &'static str,
    /// The condition under which it is done.
    pub done_when: &'static str,
    /// The way that it is rolled back.
    pub undo: &'static str,
    /// The points at which it can be paused.
    pub pause: &'static str,
}
