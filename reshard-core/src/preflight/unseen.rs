//! The reason why something could not be seen, and whose silence that is.

use std::error::Error;
use std::fmt;
use std::iter::successors;

use sapi_client::{Client, Transport};

use crate::causes::Chain;

/// The check that tells what is wrong with the ring.
pub(super) const RING: &str = "ring";
/// The check that tells what is wrong with the list of shards.
pub(super) const SHARD_LIST: &str = "shard-list";

/// The reason why something could not be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    why: String,
    api: Option<Api>,
    /// The check that tells of it.
    told_by: Option<&'static str>,
}

/// An API that does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Api {
    /// Its name, such as `SAPI`.
    pub(super) name: String,
    /// Its address.
    pub(super) url: String,
}

impl Api {
    /// The API that a client asks.
    pub(super) fn of<T: Transport>(client: &Client<T>) -> Self {
        Self { name: client.api().to_owned(), url: client.base().to_string() }
    }
}

impl Unseen {
    /// An API that has not answered in time.
    pub(super) fn silent(api: Api, seconds: u64) -> Self {
        let why = format!("no answer from {} at {} within {seconds} s", api.name, api.url);
        Self { why, api: Some(api), told_by: None }
    }

    /// The same, of a part of what is looked at.
    pub(super) fn of(&self, what: impl fmt::Display) -> Self {
        Self { why: format!("{what}: {}", self.why), ..self.clone() }
    }

    /// The API that does not answer.
    pub(super) fn api(&self) -> Option<&Api> {
        self.api.as_ref()
    }

    /// The same, if it is no API's silence: what is wrong is the finding of this check, and not of those that need it.
    pub(super) fn told_by(self, check: &'static str) -> Self {
        let told_by = self.api.is_none().then_some(check);
        Self { told_by, ..self }
    }

    /// The check that tells of it, and that is to be looked at instead.
    pub(super) fn teller(&self) -> Option<&'static str> {
        self.told_by
    }

    /// Tells whether both come of the same.
    pub(super) fn has_cause_of(&self, other: &Self) -> bool {
        match (&self.api, &other.api) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.why == other.why,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// An error with its causes. If an API is what fails, that is kept: all that needs it fails for this one cause.
pub(super) fn why(error: impl Error + 'static) -> Unseen {
    let first: Option<&(dyn Error + 'static)> = Some(&error);
    let mut chain = successors(first, |&error| error.source());
    let call = chain.find_map(<dyn Error>::downcast_ref::<sapi_client::Error>);
    let api = call
        .filter(|call| call.is_of_the_server())
        .map(|call| Api { name: call.api().to_owned(), url: call.base().to_string() });
    Unseen { why: Chain(&error).to_string(), api, told_by: None }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl From<String> for Unseen {
    fn from(why: String) -> Self {
        Self { why, api: None, told_by: None }
    }
}

impl From<&str> for Unseen {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<&Unseen> for Unseen {
    fn from(unseen: &Unseen) -> Self {
        unseen.clone()
    }
}
