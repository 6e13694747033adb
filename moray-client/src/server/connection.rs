//! The server's side of one connection.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Handler, Request};
use crate::error::with_causes;
use crate::protocol::{
    Body, FrameDecoder, FrameError, Message, MessageError, MessageId, ServerError, Version,
};

/// Messages that wait to be written. Handlers wait for room.
const QUEUE: usize = 64;

/// The numbers of the requests under way.
type UnderWay = Arc<Mutex<HashSet<MessageId>>>;

/// The client is gone. A handler may stop, or go on with what must be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub struct Disconnected;

/// The sink into which a handler puts the values of its answer.
#[derive(Clone, Debug)]
pub struct Reply {
    queue: mpsc::Sender<Bytes>,
    version: Version,
    id: MessageId,
    method: Option<String>,
}

impl Reply {
    /// Sends a value, in a message of its own. Waits while the client is slower than the handler.
    ///
    /// # Errors
    /// The client is gone.
    pub async fn send(&self, value: Value) -> Result<(), Disconnected> {
        self.write(Body::Data(vec![value])).await
    }

    /// Sends several values in one message, as some old servers do.
    ///
    /// # Errors
    /// The client is gone.
    pub async fn send_together(&self, values: Vec<Value>) -> Result<(), Disconnected> {
        self.write(Body::Data(values)).await
    }

    async fn write(&self, body: Body) -> Result<(), Disconnected> {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let message = Message {
            version: self.version,
            id: self.id,
            method: self.method.clone(),
            sent_at: u64::try_from(micros).ok(),
            body,
        };
        let mut bytes = BytesMut::new();
        // Neither fails: every value has a JSON text, and none that fits in memory twice is too long.
        let frame = message.to_frame().map_err(|_| Disconnected)?;
        frame.encode(&mut bytes).map_err(|_| Disconnected)?;
        self.queue.send(bytes.freeze()).await.map_err(|_| Disconnected)
    }
}

/// The reason for which the server closes a connection.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("reading or writing failed")]
    Io(#[from] io::Error),
    #[error("the client does not speak the Fast protocol")]
    Frame(#[from] FrameError),
    #[error("the client does not speak the Fast protocol")]
    Message(#[from] MessageError),
    #[error("the client sent the end of an answer, message {0}")]
    UnexpectedEnd(MessageId),
    #[error("the client used message id {0} again before it was answered")]
    ReusedMessageId(MessageId),
}

/// Answers the requests of one client until it goes away or breaks the protocol.
pub(super) async fn run<H: Handler>(
    mut socket: TcpStream,
    peer: SocketAddr,
    decoder: FrameDecoder,
    handler: Arc<H>,
) {
    let mut handlers = JoinSet::new();
    let (queue, queued) = mpsc::channel(QUEUE);
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot have small messages leave at once");
    }
    let (reader, writer) = socket.split();
    let requests = Requests { under_way: UnderWay::default(), queue, peer, handler };
    let result = tokio::select! {
        result = requests.read(reader, decoder, &mut handlers) => result,
        error = write(writer, queued) => Err(Closed::Io(error)),
    };
    match result {
        Ok(()) => tracing::debug!(%peer, "client is gone"),
        Err(error) => tracing::warn!(%peer, error = with_causes(&error), "closing the connection"),
    }
    drop(requests);
    drop(socket);
    // As with node-fast, what has begun is done, though no one is told.
    while handlers.join_next().await.is_some() {}
}

struct Requests<H> {
    under_way: UnderWay,
    queue: mpsc::Sender<Bytes>,
    peer: SocketAddr,
    handler: Arc<H>,
}

impl<H: Handler> Requests<H> {
    async fn read(
        &self,
        mut reader: ReadHalf<'_>,
        decoder: FrameDecoder,
        handlers: &mut JoinSet<()>,
    ) -> Result<(), Closed> {
        let mut received = BytesMut::with_capacity(16 * 1024);
        while reader.read_buf(&mut received).await? > 0 {
            while let Some(frame) = decoder.decode(&mut received)? {
                self.start(Message::from_frame(&frame)?, handlers)?;
            }
            while handlers.try_join_next().is_some() {}
        }
        Ok(())
    }

    fn start(&self, message: Message, handlers: &mut JoinSet<()>) -> Result<(), Closed> {
        let Message { version, id, method, body, .. } = message;
        let args = match body {
            Body::Data(args) => args,
            Body::End(_) => return Err(Closed::UnexpectedEnd(id)),
            Body::Error(_) => {
                // Some versions of node-fast ask like this for a request to be given up. No server does.
                tracing::debug!(peer = %self.peer, id = id.get(), "ignoring a request to abort");
                return Ok(());
            }
        };
        if !lock(&self.under_way).insert(id) {
            return Err(Closed::ReusedMessageId(id));
        }
        let reply = Reply { queue: self.queue.clone(), version, id, method: method.clone() };
        let (under_way, handler, peer) =
            (Arc::clone(&self.under_way), Arc::clone(&self.handler), self.peer);
        handlers.spawn(async move {
            let result = match method {
                Some(method) => {
                    let request = Request { method: method.clone(), args, version, id, peer };
                    let handled = handler.handle(request, reply.clone()).await;
                    handled.map_err(|error| error.about_request(&method, id))
                }
                None => Err(ServerError::malformed_request()),
            };
            // Before the client can know that the number is free.
            lock(&under_way).remove(&id);
            let body = result.map_or_else(Body::Error, |()| Body::End(Vec::new()));
            if reply.write(body).await == Err(Disconnected) {
                tracing::debug!(%peer, id = id.get(), "answered a client that is gone");
            }
        });
        Ok(())
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashSet<MessageId>> {
    // Nothing that holds the lock can panic half-way.
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(mut writer: WriteHalf<'_>, mut queued: mpsc::Receiver<Bytes>) -> io::Error {
    while let Some(mut bytes) = queued.recv().await {
        if let Err(error) = writer.write_all_buf(&mut bytes).await {
            return error;
        }
    }
    // The reader has a sender, so this is not reached before it ends.
    std::future::pending().await
}
