//! One TCP connection, shared by many requests.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::requests::{Inbox, Progress, Requests};
use crate::error::{ConnectionError, with_causes};
use crate::protocol::{FrameDecoder, Message, MessageId};

/// Requests that wait to be written. More wait for room.
const QUEUE: usize = 256;
/// Requests are joined into writes of at least this size, if there are as many.
const WRITE_BYTES: usize = 64 * 1024;
/// With more answers than this outstanding that no one waits for, something is wrong with the server.
const MAX_ABANDONED: usize = 1024;

/// A connection. It is closed when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    address: String,
    state: Mutex<State>,
    /// Grows with everything that is received.
    received: AtomicU64,
    /// Takes no new requests.
    retired: AtomicBool,
}

#[derive(Debug)]
struct State {
    requests: Requests,
    broken: Option<Arc<ConnectionError>>,
}

#[derive(Debug)]
struct Queued {
    frame: Bytes,
    progress: Arc<Progress>,
}

/// A request that has its number and its place in the table.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) id: MessageId,
    pub(super) inbox: Inbox,
}

impl Connection {
    /// Takes the socket over. `max_waiting_bytes` of an answer may wait to be taken.
    pub(super) fn new(
        socket: TcpStream,
        address: String,
        decoder: FrameDecoder,
        max_waiting_bytes: usize,
    ) -> Self {
        let shared = Arc::new(Shared {
            address,
            state: Mutex::new(State { requests: Requests::new(max_waiting_bytes), broken: None }),
            received: AtomicU64::new(0),
            retired: AtomicBool::new(false),
        });
        let (queue, queued) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(socket, decoder, queued, Arc::clone(&shared))).abort_handle();
        Self { shared, queue, task }
    }

    /// The other side.
    pub(super) fn address(&self) -> &str {
        &self.shared.address
    }

    /// Tells whether it takes requests.
    pub(super) fn is_usable(&self) -> bool {
        !self.shared.retired.load(Ordering::Relaxed) && self.shared.state().broken.is_none()
    }

    /// Takes no new requests. Those under way may end.
    pub(super) fn retire(&self) {
        self.shared.retired.store(true, Ordering::Relaxed);
    }

    /// A number that grows with everything that is received.
    pub(super) fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// Gives a request its number.
    pub(super) fn start(&self) -> Result<Started, Arc<ConnectionError>> {
        let mut state = self.shared.state();
        if let Some(error) = &state.broken {
            return Err(Arc::clone(error));
        }
        let (id, inbox) = state.requests.add();
        Ok(Started { id, inbox })
    }

    /// Waits for room in the queue and puts the request there. If the connection is broken, the inbox tells.
    pub(super) async fn queue(&self, frame: Bytes, progress: Arc<Progress>) {
        drop(self.queue.send(Queued { frame, progress }).await);
    }

    /// No one waits for the answer any longer.
    pub(super) fn abandon(&self, id: MessageId, progress: &Progress) {
        let mut state = self.shared.state();
        state.requests.abandon(id, !progress.cancel());
        if state.requests.abandoned() > MAX_ABANDONED {
            drop(state);
            self.retire();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: ConnectionError) {
        let error = Arc::new(error);
        let mut state = self.state();
        state.requests.fail_all(&error);
        state.broken = Some(error);
    }
}

async fn run(
    mut socket: TcpStream,
    decoder: FrameDecoder,
    queued: mpsc::Receiver<Queued>,
    shared: Arc<Shared>,
) {
    let (reader, writer) = socket.split();
    let error = tokio::select! {
        error = read(reader, decoder, &shared) => error,
        error = write(writer, queued) => ConnectionError::Io(error),
    };
    match &error {
        ConnectionError::Closed => tracing::debug!(address = shared.address, "connection closed"),
        ConnectionError::Io(_)
        | ConnectionError::Truncated(_)
        | ConnectionError::Frame(_)
        | ConnectionError::Message(_)
        | ConnectionError::UnknownMessageId(_) => {
            let error = with_causes(&error);
            tracing::warn!(address = shared.address, error, "connection broke");
        }
    }
    shared.fail(error);
}

/// Brings what is received to who waits for it, until something is wrong.
async fn read(mut reader: ReadHalf<'_>, decoder: FrameDecoder, shared: &Shared) -> ConnectionError {
    let mut received = BytesMut::with_capacity(16 * 1024);
    loop {
        match reader.read_buf(&mut received).await {
            Ok(0) if received.is_empty() => return ConnectionError::Closed,
            Ok(0) => return ConnectionError::Truncated(received.len()),
            Ok(_) => shared.received.fetch_add(1, Ordering::Relaxed),
            Err(error) => return ConnectionError::Io(error),
        };
        if let Err(error) = deliver(&mut received, decoder, shared) {
            return error;
        }
    }
}

fn deliver(
    received: &mut BytesMut,
    decoder: FrameDecoder,
    shared: &Shared,
) -> Result<(), ConnectionError> {
    while let Some(frame) = decoder.decode(received)? {
        let message = Message::from_frame(&frame)?;
        shared.state().requests.deliver(message, frame.payload.len())?;
    }
    Ok(())
}

/// Writes what is queued, until that fails.
async fn write(mut writer: WriteHalf<'_>, mut queued: mpsc::Receiver<Queued>) -> io::Error {
    let mut out = BytesMut::new();
    while let Some(first) = queued.recv().await {
        let mut next = Some(first);
        while let Some(Queued { frame, progress }) = next {
            if progress.send() {
                out.extend_from_slice(&frame);
            }
            next = if out.len() < WRITE_BYTES { queued.try_recv().ok() } else { None };
        }
        if let Err(error) = writer.write_all_buf(&mut out).await {
            return error;
        }
    }
    // No handle is left, so this task is about to be aborted.
    std::future::pending().await
}
