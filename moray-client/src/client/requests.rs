//! The requests of one connection that are under way: which number each has, and where its answer goes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::mpsc;

use crate::error::ConnectionError;
use crate::protocol::{Body, Message, MessageId, ServerError};

/// The progress of a request on its way out.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU8);

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const CANCELLED: u8 = 2;

impl Progress {
    /// The request is about to be written. False if it was cancelled and must not be.
    pub(super) fn send(&self) -> bool {
        self.0.compare_exchange(QUEUED, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// No one waits for the answer any longer. True if nothing was or will be written.
    pub(super) fn cancel(&self) -> bool {
        self.0.compare_exchange(QUEUED, CANCELLED, Ordering::AcqRel, Ordering::Acquire) != Err(SENT)
    }

    /// Tells whether writing has begun.
    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire) == SENT
    }
}

/// A part of the answer to a request.
#[derive(Debug)]
pub(super) enum Part {
    /// Values, and how many bytes they had.
    Data(Vec<Value>, usize),
    /// The last values.
    End(Vec<Value>),
    /// The server's refusal.
    Error(ServerError),
    /// More than so many bytes would wait.
    TooMuchWaiting(usize),
    /// No more will come.
    Broken(Arc<ConnectionError>),
}

/// The end to which the answer to a request goes.
#[derive(Debug)]
struct Waiting {
    parts: mpsc::UnboundedSender<Part>,
    bytes: Arc<AtomicUsize>,
}

/// The other end of it.
#[derive(Debug)]
pub(super) struct Inbox {
    parts: mpsc::UnboundedReceiver<Part>,
    bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// The next part, or nothing if the connection is gone.
    pub(super) async fn recv(&mut self) -> Option<Part> {
        let part = self.parts.recv().await;
        if let Some(Part::Data(_, bytes)) = &part {
            self.bytes.fetch_sub(*bytes, Ordering::Relaxed);
        }
        part
    }
}

/// The requests that are under way.
#[derive(Debug)]
pub(super) struct Requests {
    /// Nothing in place of what no one waits for any longer. Its number must not be used again before the answer ends.
    under_way: HashMap<MessageId, Option<Waiting>>,
    next: MessageId,
    abandoned: usize,
    max_waiting_bytes: usize,
}

impl Requests {
    pub(super) fn new(max_waiting_bytes: usize) -> Self {
        Self { under_way: HashMap::new(), next: MessageId::FIRST, abandoned: 0, max_waiting_bytes }
    }

    /// A number that no request has, for a new one.
    pub(super) fn add(&mut self) -> (MessageId, Inbox) {
        let (sender, parts) = mpsc::unbounded_channel();
        let bytes = Arc::new(AtomicUsize::new(0));
        let inbox = Inbox { parts, bytes: Arc::clone(&bytes) };
        let mut waiting = Some(Some(Waiting { parts: sender, bytes }));
        // There is a free one: far fewer are under way than there are numbers.
        loop {
            let id = self.next;
            self.next = id.next();
            if let Entry::Vacant(entry) = self.under_way.entry(id) {
                entry.insert(waiting.take().flatten());
                return (id, inbox);
            }
        }
    }

    /// No one waits for this one's answer any longer.
    pub(super) fn abandon(&mut self, id: MessageId, was_sent: bool) {
        if !was_sent {
            self.under_way.remove(&id);
        } else if let Some(waiting) = self.under_way.get_mut(&id)
            && waiting.take().is_some()
        {
            self.abandoned += 1;
        }
    }

    /// The number of requests whose answer no one waits for.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// Brings a message of so many bytes to who waits for it.
    pub(super) fn deliver(
        &mut self,
        message: Message,
        bytes: usize,
    ) -> Result<(), ConnectionError> {
        let Entry::Occupied(mut entry) = self.under_way.entry(message.id) else {
            return Err(ConnectionError::UnknownMessageId(message.id));
        };
        let part = match message.body {
            Body::Data(values) => Part::Data(values, bytes),
            Body::End(values) => Part::End(values),
            Body::Error(error) => Part::Error(error),
        };
        if !matches!(part, Part::Data(..)) {
            match entry.remove() {
                Some(waiting) => waiting.send(part),
                None => self.abandoned = self.abandoned.saturating_sub(1),
            }
        } else if let Some(waiting) = entry.get() {
            let before = waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
            if before.saturating_add(bytes) <= self.max_waiting_bytes {
                waiting.send(part);
            } else if let Some(waiting) = entry.get_mut().take() {
                self.abandoned += 1;
                waiting.send(Part::TooMuchWaiting(self.max_waiting_bytes));
            }
        }
        Ok(())
    }

    /// Tells all who wait that nothing more will come.
    pub(super) fn fail_all(&mut self, error: &Arc<ConnectionError>) {
        for waiting in self.under_way.drain().filter_map(|(_, waiting)| waiting) {
            waiting.send(Part::Broken(Arc::clone(error)));
        }
        self.abandoned = 0;
    }
}

impl Waiting {
    fn send(&self, part: Part) {
        // Who waited is gone, and is about to say so.
        drop(self.parts.send(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Version;

    fn message(id: MessageId, body: Body) -> Message {
        Message { version: Version::V2, id, method: None, sent_at: None, body }
    }

    #[test]
    fn numbers_wrap_and_those_in_use_are_left_out() {
        let mut requests = Requests::new(100);
        let (first, _inbox) = requests.add();
        assert_eq!(first.get(), 1);
        requests.next = MessageId::MAX;
        assert_eq!(requests.add().0, MessageId::MAX);
        assert_eq!(requests.add().0.get(), 2);
        requests.next = MessageId::MAX;
        assert_eq!(requests.add().0.get(), 3);
    }

    #[test]
    fn an_abandoned_number_is_free_after_its_answer() {
        let mut requests = Requests::new(100);
        let (id, _inbox) = requests.add();
        requests.abandon(id, true);
        requests.abandon(id, true);
        assert_eq!(requests.abandoned(), 1);
        requests.deliver(message(id, Body::Data(vec![])), 10).unwrap();
        requests.deliver(message(id, Body::End(vec![])), 10).unwrap();
        assert_eq!(requests.abandoned(), 0);
        let unknown = requests.deliver(message(id, Body::End(vec![])), 10);
        assert!(matches!(unknown, Err(ConnectionError::UnknownMessageId(it)) if it == id));

        let (id, _inbox) = requests.add();
        requests.abandon(id, false);
        assert!(requests.deliver(message(id, Body::End(vec![])), 10).is_err());
    }

    #[tokio::test]
    async fn what_waits_is_limited_by_bytes() {
        let mut requests = Requests::new(100);
        let (id, mut inbox) = requests.add();
        let data = || message(id, Body::Data(vec![]));
        for _ in 0..10 {
            requests.deliver(data(), 60).unwrap();
            assert!(matches!(inbox.recv().await, Some(Part::Data(_, 60))));
        }
        requests.deliver(data(), 60).unwrap();
        requests.deliver(data(), 60).unwrap();
        requests.deliver(data(), 60).unwrap();
        assert!(matches!(inbox.recv().await, Some(Part::Data(..))));
        assert!(matches!(inbox.recv().await, Some(Part::TooMuchWaiting(100))));
        assert!(inbox.recv().await.is_none());
        assert_eq!(requests.abandoned(), 1);
    }

    #[test]
    fn cancelled_is_not_sent_and_sent_is_not_cancelled() {
        let progress = Progress::default();
        assert!(progress.cancel());
        assert!(progress.cancel());
        assert!(!progress.send());
        assert!(!progress.is_sent());
        let progress = Progress::default();
        assert!(progress.send());
        assert!(!progress.cancel());
        assert!(progress.is_sent());
    }
}
