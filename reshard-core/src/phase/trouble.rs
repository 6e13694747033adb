//! Troubles: a phase did not get to its end.

use std::error::Error as StdError;
use std::fmt::Display;

use crate::causes::Chain;
use crate::epoch::EpochError;
use crate::hint::{Hint, Operation, hint};
use crate::journal::StoreError;
use crate::may_pass::{MayPass, look};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The reason that a phase did not get to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// It may go away by itself: the executor tries the phase again.
    #[error("{what}")]
    Passing {
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
        last: Option<Box<Trouble>>,
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
    Journal(#[source] StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if let StoreError::Overtaken { by, .. } = &error {
            return Self::Overtaken { by: by.to_string() };
        }
        Self::Journal(error)
    }
}

impl From<EpochError> for Trouble {
    fn from(error: EpochError) -> Self {
        match error {
            EpochError::Overtaken { by } => Self::Overtaken { by: by.to_string() },
            EpochError::Journal(error) => error.into(),
            EpochError::Unreadable { .. } => Self::Hold {
                what: "cannot see whether this is still the plan's only executor".to_owned(),
                remedy: hint!(
                    "find out who wrote that; ",
                    Operation::Resume,
                    " when it is put right"
                ),
                source: Some(Box::new(error)),
            },
            EpochError::Lock { .. } | EpochError::List { .. } | EpochError::Contention { .. } => {
                Self::Passing {
                    what: "cannot see whether this is still the plan's only executor".to_owned(),
                    remedy: None,
                    source: Some(Box::new(error)),
                }
            }
        }
    }
}

impl Trouble {
    /// A trouble without a deeper cause that may go away.
    pub fn passing(what: impl Into<String>) -> Self {
        Self::Passing { what: what.into(), remedy: None, source: None }
    }

    /// A trouble without a deeper cause that the operator has to look at.
    pub fn hold(what: impl Into<String>, remedy: impl Into<Hint>) -> Self {
        Self::Hold { what: what.into(), remedy: remedy.into(), source: None }
    }

    /// `what` could not be done for a reason that knows whether it may pass; the remedy is shown if it does not.
    pub fn because<E>(what: impl Display, remedy: impl Into<Hint>, error: E) -> Self
    where
        E: MayPass + StdError + Send + Sync + 'static,
    {
        let (what, remedy) = (what.to_string(), remedy.into());
        if error.may_pass() {
            let remedy = (remedy != look()).then_some(remedy);
            return Self::Passing { what, remedy, source: Some(Box::new(error)) };
        }
        Self::Hold { what, remedy, source: Some(Box::new(error)) }
    }

    /// Tells whether this executor cannot do anything any more.
    pub(crate) fn is_the_end(&self) -> bool {
        matches!(self, Self::Journal(_) | Self::SessionOver | Self::Overtaken { .. })
    }

    /// The remedy: what the operator can do if it does not go away by itself.
    pub fn remedy(&self) -> Hint {
        match self {
            Self::Passing { remedy: Some(remedy), .. } | Self::Hold { remedy, .. } => {
                remedy.clone()
            }
            Self::Passing { remedy: None, .. }
            | Self::Stopped
            | Self::OverBudget { .. }
            | Self::SessionOver
            | Self::Overtaken { .. }
            | Self::Journal(_) => put_right(),
        }
    }

    /// The trouble and its causes in one line.
    pub fn with_causes(&self) -> String {
        Chain(self).to_string()
    }
}

/// The remedy for a passing trouble that did not pass, where nothing better is known.
fn put_right() -> Hint {
    hint!("put right what the message names; then ", Operation::Resume)
}

/// Turns an error into a [`Trouble`] that says what could not be done.
pub trait OrTrouble<T> {
    /// `what` could not be done; whether that may pass, the error knows.
    ///
    /// # Errors
    ///
    /// [`Trouble::Passing`] or [`Trouble::Hold`].
    fn or_trouble(self, what: impl Display) -> Result<T, Trouble>;

    /// As [`OrTrouble::or_trouble`], with the remedy to show if it does not pass.
    ///
    /// # Errors
    ///
    /// [`Trouble::Passing`] or [`Trouble::Hold`].
    fn or_hold(self, what: impl Display, remedy: impl Into<Hint>) -> Result<T, Trouble>;
}

impl<T, E> OrTrouble<T> for Result<T, E>
where
    E: MayPass + StdError + Send + Sync + 'static,
{
    fn or_trouble(self, what: impl Display) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::because(what, error.remedy(), error))
    }

    fn or_hold(self, what: impl Display, remedy: impl Into<Hint>) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::because(what, remedy, error))
    }
}
