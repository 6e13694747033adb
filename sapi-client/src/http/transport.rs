//! The carrier of requests: the one seam between the clients and the network.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

use crate::http::Method;
use crate::http::error::BoxError;

/// Carries HTTP requests. The crate's own is `HttpTransport`, behind the feature `reqwest`.
///
/// A transport follows no redirects, asks no proxy, never repeats a request, and decodes chunked bodies. It need not
/// care for timeouts: the client drops the future.
pub trait Transport: Send + Sync {
    /// The body of an answer.
    type Body: AnswerBody;

    /// Sends a request and gives the answer as soon as its head is there.
    fn send(
        &self,
        request: Outgoing,
    ) -> impl Future<Output = Result<Incoming<Self::Body>, TransportError>> + Send;
}

/// The body of an answer as it comes in.
pub trait AnswerBody: Send {
    /// The next bytes; `None` at the end. An end before the announced length is an error.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, TransportError>> + Send;
}

/// A request on its way.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// The headers but `host`, `content-length` and `transfer-encoding`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: OutgoingBody,
}

/// A request's body.
pub enum OutgoingBody {
    /// None.
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes read while they are sent.
    Reader {
        /// The source of the bytes.
        reader: Pin<Box<dyn AsyncRead + Send + Sync>>,
        /// The number of bytes; the request fails if there are fewer.
        length: u64,
    },
}

impl std::fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("no body"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Reader { length, .. } => write!(f, "{length} bytes from a reader"),
        }
    }
}

/// An answer whose head is there.
#[derive(Debug)]
pub struct Incoming<B> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: B,
}

/// The reason for which a transport has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection was made, so nothing was sent.
    #[error("no connection")]
    Connect(#[source] BoxError),
    /// The server's certificate is not trusted, or it does not speak TLS. Nothing was sent.
    #[error("no TLS connection")]
    Tls(#[source] BoxError),
    /// The connection ended or spoke no HTTP after something had been sent.
    #[error("the connection broke")]
    Broken(#[source] BoxError),
}

/// A reader that tells how far it has been read.
pub(crate) struct Watched<R> {
    pub(crate) reader: R,
    pub(crate) progress: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.reader).poll_read(context, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        self.progress.fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
        polled
    }
}
