//! Facts: what phases tell each other through the journal, each a value of one type under one key.

use std::borrow::Cow;
use std::fmt::Display;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Journal, JournalError};

/// A key of the journal, and the type of the value under it, which is stored as JSON.
///
/// ```
/// use jiff::Timestamp;
/// use reshard_core::Fact;
///
/// const APPROVED: Fact<Timestamp> = Fact::new("approved");
/// assert_eq!(APPROVED.key(), "approved");
/// ```
#[derive(Debug)]
pub struct Fact<T> {
    key: Cow<'static, str>,
    value: PhantomData<fn() -> T>,
}

/// A family of facts of one type, whose keys are a base and parts after it.
///
/// ```
/// use reshard_core::FactOf;
///
/// const ATTEMPTS: FactOf<u32> = FactOf::new("attempts");
/// assert_eq!(ATTEMPTS.of([&"peer", &2]).key(), "attempts/peer/2");
/// ```
#[derive(Debug)]
pub struct FactOf<T> {
    base: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Fact<T> {
    /// The fact under this key.
    pub const fn new(key: &'static str) -> Self {
        Self { key: Cow::Borrowed(key), value: PhantomData }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl<T> FactOf<T> {
    /// The family whose keys begin with this and a `/`.
    pub const fn new(base: &'static str) -> Self {
        Self { base, value: PhantomData }
    }

    /// The base.
    pub fn base(&self) -> &'static str {
        self.base
    }

    /// The fact whose key has these parts after the base, joined by `/`.
    pub fn of<const N: usize>(&self, parts: [&(dyn Display + Sync); N]) -> Fact<T> {
        let mut key = self.base.to_owned();
        for part in parts {
            key = format!("{key}/{part}");
        }
        Fact { key: Cow::Owned(key), value: PhantomData }
    }
}

impl dyn Journal + '_ {
    /// The value of a fact; `None` if nobody has put one.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] if it is of another type, and as for [`Journal::fact`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        fact: &Fact<T>,
    ) -> Result<Option<T>, JournalError> {
        let Some(value) = self.fact(fact.key()).await? else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|source| damaged(fact.key(), source))
    }

    /// Writes the value of a fact.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] if it cannot be written as JSON, and as for [`Journal::set_fact`].
    pub async fn put<T: Serialize + Sync>(
        &self,
        fact: &Fact<T>,
        value: &T,
    ) -> Result<(), JournalError> {
        let value = serde_json::to_value(value).map_err(|source| damaged(fact.key(), source))?;
        self.set_fact(fact.key(), Some(&value)).await
    }

    /// Removes the value of a fact, if it has one.
    ///
    /// # Errors
    ///
    /// As for [`Journal::set_fact`].
    pub async fn forget<T>(&self, fact: &Fact<T>) -> Result<(), JournalError> {
        self.set_fact(fact.key(), None).await
    }
}

fn damaged(key: &str, source: serde_json::Error) -> JournalError {
    JournalError::Damaged { path: "journal".to_owned(), what: format!("the fact {key}"), source }
}
