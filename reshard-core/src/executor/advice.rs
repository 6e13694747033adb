//! The advice that goes with the reasons why a plan cannot be carried out.

use manatee_client::LockError;

use super::ExecutorError;
use crate::hint::{Hint, Operation, hint};

impl ExecutorError {
    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Journal(error) => error.hint(),
            Self::Overtaken { .. } => {
                Some(hint!(Operation::ShowStatus, " shows what the other one does"))
            }
            Self::Lock { source: LockError::Held { .. }, .. } => Some(hint!(
                "another executor carries it out; ",
                Operation::ShowStatus,
                " shows which"
            )),
            Self::NoSession(_) => Some(hint!("when ZooKeeper is back, ", Operation::Resume)),
            Self::JournalBehind { .. } => Some(hint!(
                "see that the plan file can be written, then ",
                Operation::Resume,
                ", which looks what is there"
            )),
            Self::TooLate { .. } => Some(hint!(
                Operation::Resume,
                " brings it to its end; to undo the move, plan one in the other direction afterwards"
            )),
            Self::OlderCopy { .. }
            | Self::UnknownHere { .. }
            | Self::Sequence(_)
            | Self::OtherPhases { .. }
            | Self::Epoch { .. }
            | Self::Lock { .. }
            | Self::SessionOver
            | Self::NotYet { .. }
            | Self::NoPhase { .. }
            | Self::Over { .. }
            | Self::IsDone { .. }
            | Self::NoRehearsal { .. } => None,
        }
    }
}
