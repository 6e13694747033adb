//! Things that are waited for.

use crate::hint::Hint;
use crate::journal::Progress;

/// A thing that is waited for.
#[derive(Clone, Debug, Default)]
pub struct Wait {
    /// The thing, in words: `the new peers to replay 2C/5A0001F8`.
    pub what: String,
    /// Things that the operator can do about it.
    pub hint: Hint,
}

/// The progress of something that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll<T> {
    /// It is there.
    Ready(T),
    /// Not yet; with how far it is and anything to say about it.
    Pending(Option<Progress>, String),
}
