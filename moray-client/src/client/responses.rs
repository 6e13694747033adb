//! The answer to a request, as it comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::connection::{Connection, Started};
use super::requests::{Inbox, Part, Progress};
use crate::error::{AnswerError, ConnectionError, Error};
use crate::protocol::MessageId;

/// The way to treat a `null` in place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// It is an error.
    Refuse,
    /// It is passed over. electric-moray ends the answers to some methods with some.
    Ignore,
}

/// The values that answer a request, as they come.
///
/// Dropping it gives the request up: the server is not told, and goes on with what it does, but the connection stays
/// of use to others.
#[derive(Debug)]
pub struct Responses {
    connection: Arc<Connection>,
    method: String,
    id: MessageId,
    inbox: Inbox,
    progress: Arc<Progress>,
    nulls: Nulls,
    values: VecDeque<Value>,
    /// True once nothing more will come.
    ended: bool,
    timeout: Duration,
    deadline: Instant,
    /// The connection's number for what it had received when the request was made.
    received_before: u64,
}

/// A request, apart from its bytes.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) nulls: Nulls,
    pub(super) timeout: Duration,
    pub(super) deadline: Instant,
}

impl Responses {
    pub(super) fn new(connection: Arc<Connection>, started: Started, call: Call) -> Self {
        let Call { method, nulls, timeout, deadline } = call;
        let received_before = connection.received();
        Self {
            connection,
            method,
            id: started.id,
            inbox: started.inbox,
            progress: Arc::default(),
            nulls,
            values: VecDeque::new(),
            ended: false,
            timeout,
            deadline,
            received_before,
        }
    }

    /// Hands the request to the connection.
    pub(super) async fn send(&mut self, frame: Bytes) -> Result<(), Error> {
        let queued = self.connection.queue(frame, Arc::clone(&self.progress));
        timeout_at(self.deadline, queued).await.map_err(|_| self.timed_out())
    }

    /// The next value, or `None` after the last. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The server answers with an error, the connection breaks, the time is over, or the answer cannot be used. Nothing
    /// more will come then.
    pub async fn next(&mut self) -> Result<Option<Value>, Error> {
        let result = self.next_value().await;
        if result.is_err() {
            self.give_up();
        }
        result
    }

    /// The next value, read as a `T`, or `None` after the last.
    ///
    /// # Errors
    /// As [`Self::next`], or the value is of another shape.
    pub async fn next_as<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let Some(value) = self.next().await? else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|source| {
            self.give_up();
            self.unusable(AnswerError::Shape(source))
        })
    }

    /// All the values.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn all(mut self) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        while let Some(value) = self.next().await? {
            values.push(value);
        }
        Ok(values)
    }

    /// The one value of the answer, read as a `T`.
    ///
    /// # Errors
    /// As [`Self::next`], or there is none or more than one, or it is of another shape.
    pub async fn one<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        let Some(first) = self.next().await? else {
            return Err(self.unusable(AnswerError::NotOne(0)));
        };
        let mut count = 1;
        while self.next().await?.is_some() {
            count += 1;
        }
        if count > 1 {
            return Err(self.unusable(AnswerError::NotOne(count)));
        }
        serde_json::from_value(first).map_err(|source| self.unusable(AnswerError::Shape(source)))
    }

    async fn next_value(&mut self) -> Result<Option<Value>, Error> {
        loop {
            while let Some(value) = self.values.pop_front() {
                match (value, self.nulls) {
                    (Value::Null, Nulls::Ignore) => {}
                    (Value::Null, Nulls::Refuse) => return Err(self.unusable(AnswerError::Null)),
                    (value, _) => return Ok(Some(value)),
                }
            }
            if self.ended {
                return Ok(None);
            }
            let part = timeout_at(self.deadline, self.inbox.recv()).await;
            match part.map_err(|_| self.timed_out())? {
                Some(Part::Data(values, _)) => self.values.extend(values),
                Some(Part::End(values)) => {
                    self.ended = true;
                    self.values.extend(values);
                }
                Some(Part::Error(source)) => {
                    self.ended = true;
                    return Err(Error::Server { method: self.method.clone(), source });
                }
                Some(Part::TooMuchWaiting(max)) => {
                    return Err(self.unusable(AnswerError::TooMuchWaiting { max }));
                }
                Some(Part::Broken(source)) => return Err(self.broken(source)),
                None => return Err(self.broken(Arc::new(ConnectionError::Closed))),
            }
        }
    }

    fn broken(&self, source: Arc<ConnectionError>) -> Error {
        let (method, address) = (self.method.clone(), self.connection.address().to_owned());
        if self.progress.is_sent() {
            Error::Unanswered { method, address, source }
        } else {
            Error::NotSent { method, address, source }
        }
    }

    fn timed_out(&self) -> Error {
        // A connection on which nothing at all comes is dead, or its server is: the next request should not use it.
        if self.connection.received() == self.received_before {
            tracing::warn!(
                address = self.connection.address(),
                "nothing is received: giving up the connection"
            );
            self.connection.retire();
        }
        let sent = !self.progress.cancel();
        Error::TimedOut { method: self.method.clone(), after: self.timeout, sent }
    }

    fn unusable(&self, source: AnswerError) -> Error {
        Error::Answer { method: self.method.clone(), source }
    }

    fn give_up(&mut self) {
        self.values.clear();
        if !self.ended {
            self.ended = true;
            self.connection.abandon(self.id, &self.progress);
        }
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        self.give_up();
    }
}
