//! Troubles: a phase did not get to its end.

use std::error::Error as StdError;
use std::fmt::Display;

use crate::causes::Chain;
use crate::epoch::EpochError;
use crate::hint::{Hint, Operation, hint};
use crate::journal::JournalError;
use crate::retryable::{Retryable, look};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The reason that a phase did not get to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhaseError {
    /// It may go away by itself: the executor tries the phase again.
    #[error("{what}")]
    Transient {
        /// The thing that could not be done.
        what: String,
        /// The remedy if it does not go away, where more is known than the message says.
        remedy: Option<Hint>,
        /// The cause.
        source: Option<BoxError>,
    },
    /// The operator has to look: the executor holds the plan.
    #[error("{what}")]
    Hold {
        /// The problem.
        what: String,
        /// The remedy.
        remedy: Hint,
        /// The cause.
        source: Option<BoxError>,
    },
    /// A pause or an abort was asked for.
    #[error("stopped as asked")]
    Stopped,
    /// Writes have been refused for as long as the budget allows, less the way back.
    #[error("the write block has used up its budget")]
    OverBudget {
        /// The trouble that the present phase met last.
        #[source]
        last: Option<Box<PhaseError>>,
    },
    /// ZooKeeper has ended the session, and with it goes the proof that this is the plan's only executor.
    #[error("the session with ZooKeeper is over")]
    SessionOver,
    /// Another executor has taken the plan over: it is none of this one's business any more.
    #[error("another executor has taken over the plan: {by}")]
    Overtaken {
        /// The other executor.
        by: String,
    },
    /// The journal cannot be read or written, so nothing can be done safely.
    #[error("the journal failed")]
    Journal(#[source] JournalError),
}

impl From<JournalError> for PhaseError {
    fn from(error: JournalError) -> Self {
        if let JournalError::Overtaken { by, .. } = &error {
            return Self::Overtaken { by: by.to_string() };
        }
        Self::Journal(error)
    }
}

impl From<EpochError> for PhaseError {
    fn from(error: EpochError) -> Self {
        match error {
            EpochError::Overtaken { by } => Self::Overtaken { by: by.to_string() },
            EpochError::Journal(error) => error.into(),
            EpochError::Unreadable { .. } => Self::Hold {
                what: "cannot see whether this is still the plan's only executor".to_owned(),
                remedy: hint!(
                    "find out who wrote that, and put it right; then ",
                    Operation::Resume
                ),
                source: Some(Box::new(error)),
            },
            EpochError::Lock { .. } | EpochError::List { .. } | EpochError::Contention { .. } => {
                Self::Transient {
                    what: "cannot see whether this is still the plan's only executor".to_owned(),
                    remedy: None,
                    source: Some(Box::new(error)),
                }
            }
        }
    }
}

impl PhaseError {
    /// A trouble without a deeper cause that may go away.
    pub fn transient(what: impl Into<String>) -> Self {
        Self::Transient { what: what.into(), remedy: None, source: None }
    }

    /// A trouble without a deeper cause that the operator has to look at.
    pub fn hold(what: impl Into<String>, remedy: impl Into<Hint>) -> Self {
        Self::Hold { what: what.into(), remedy: remedy.into(), source: None }
    }

    /// `what` could not be done for a reason that knows whether it may pass; the remedy is shown if it does not.
    pub fn because<E>(what: impl Display, remedy: impl Into<Hint>, error: E) -> Self
    where
        E: Retryable + StdError + Send + Sync + 'static,
    {
        let (what, remedy) = (what.to_string(), remedy.into());
        if error.may_pass() {
            let remedy = (remedy != look()).then_some(remedy);
            return Self::Transient { what, remedy, source: Some(Box::new(error)) };
        }
        Self::Hold { what, remedy, source: Some(Box::new(error)) }
    }

    /// The hold of a wait that was given up. `unanswered` is the remedy of whoever could not be asked the last time.
    pub(super) fn gave_up(what: String, hint: Hint, unanswered: Option<Hint>) -> Self {
        let remedy = match unanswered {
            None => hint!(hint, "; then ", Operation::Resume),
            Some(remedy) if remedy == look() => hint!(
                "see first that whatever the message names answers; if it does, ",
                hint,
                "; then ",
                Operation::Resume
            ),
            Some(remedy) => remedy,
        };
        Self::hold(what, remedy)
    }

    /// An error that says itself what could not be done, and knows whether it may pass.
    pub(crate) fn of<E: Retryable + StdError>(error: &E) -> Self {
        let (what, remedy, source) = (Chain(error).to_string(), error.remedy(), None);
        if error.may_pass() {
            let remedy = (remedy != look()).then_some(remedy);
            return Self::Transient { what, remedy, source };
        }
        Self::Hold { what, remedy, source }
    }

    /// Tells whether this executor cannot do anything any more.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::Journal(_) | Self::SessionOver | Self::Overtaken { .. })
    }

    /// The remedy: what the operator can do if it does not go away by itself.
    pub fn remedy(&self) -> Hint {
        match self {
            Self::Transient { remedy: Some(remedy), .. } | Self::Hold { remedy, .. } => {
                remedy.clone()
            }
            Self::Transient { remedy: None, .. }
            | Self::Stopped
            | Self::OverBudget { .. }
            | Self::SessionOver
            | Self::Overtaken { .. }
            | Self::Journal(_) => look(),
        }
    }

    /// The trouble and its causes in one line.
    pub fn with_causes(&self) -> String {
        Chain(self).to_string()
    }
}

/// Turns an error into a [`PhaseError`] that says what could not be done.
pub trait PhaseResultExt<T> {
    /// `what` could not be done; whether that may pass, the error knows.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Transient`] or [`PhaseError::Hold`].
    fn or_phase_error(self, what: impl Display) -> Result<T, PhaseError>;

    /// As [`PhaseResultExt::or_phase_error`], with the remedy for an error that stays. One that passes has other causes, such as a
    /// server that does not answer, and its own remedy.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Transient`] or [`PhaseError::Hold`].
    fn or_hold(self, what: impl Display, remedy: impl Into<Hint>) -> Result<T, PhaseError>;

    /// As [`PhaseResultExt::or_phase_error`], with the remedy for any error.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Transient`] or [`PhaseError::Hold`].
    fn or_advise(self, what: impl Display, remedy: impl Into<Hint>) -> Result<T, PhaseError>;
}

impl<T, E> PhaseResultExt<T> for Result<T, E>
where
    E: Retryable + StdError + Send + Sync + 'static,
{
    fn or_phase_error(self, what: impl Display) -> Result<T, PhaseError> {
        self.map_err(|error| PhaseError::because(what, error.remedy(), error))
    }

    fn or_hold(self, what: impl Display, remedy: impl Into<Hint>) -> Result<T, PhaseError> {
        self.map_err(|error| {
            let remedy = if error.may_pass() { error.remedy() } else { remedy.into() };
            PhaseError::because(what, remedy, error)
        })
    }

    fn or_advise(self, what: impl Display, remedy: impl Into<Hint>) -> Result<T, PhaseError> {
        self.map_err(|error| PhaseError::because(what, remedy, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the ring is another, or nobody answers")]
    struct Failed {
        passes: bool,
    }

    impl Retryable for Failed {
        fn may_pass(&self) -> bool {
            self.passes
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_nobodys_change() {
        let fail = |passes| Err::<(), _>(Failed { passes });
        let remedy = || Hint::from("find out who changed it");
        let held = fail(false).or_hold("the ring cannot be reserved", remedy()).unwrap_err();
        assert_eq!(held.remedy(), remedy());
        let passing = fail(true).or_hold("the ring cannot be reserved", remedy()).unwrap_err();
        assert_eq!(passing.remedy(), look());
        let advised = fail(true).or_advise("it does not answer", remedy()).unwrap_err();
        assert_eq!(advised.remedy(), remedy());
    }
}
