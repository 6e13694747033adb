//! HTTP behind one type, whatever carries it: the seam at which tests break things.

use std::sync::Arc;

use async_trait::async_trait;
use sapi_client::{AnswerBody, Incoming, Outgoing, Transport, TransportError};

/// A transport of any kind; cheap to clone.
#[derive(Clone)]
pub struct AnyTransport(Arc<dyn Sending>);

impl AnyTransport {
    /// Wraps a transport.
    pub fn new<T>(transport: T) -> Self
    where
        T: Transport + 'static,
        T::Body: 'static,
    {
        Self(Arc::new(Wrapped(transport)))
    }
}

impl Transport for AnyTransport {
    type Body = AnyBody;

    async fn send(&self, request: Outgoing) -> Result<Incoming<AnyBody>, TransportError> {
        self.0.send(request).await
    }
}

/// The body of an answer that came by an [`AnyTransport`].
pub struct AnyBody(Box<dyn Chunks>);

impl AnswerBody for AnyBody {
    async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, TransportError> {
        self.0.next_chunk().await
    }
}

#[async_trait]
trait Sending: Send + Sync {
    async fn send(&self, request: Outgoing) -> Result<Incoming<AnyBody>, TransportError>;
}

#[async_trait]
trait Chunks: Send {
    async fn next_chunk(&mut self) -> Result<Option<bytes::Bytes>, TransportError>;
}

struct Wrapped<T>(T);

#[async_trait]
impl<T> Sending for Wrapped<T>
where
    T: Transport,
    T::Body: 'static,
{
    async fn send(&self, request: Outgoing) -> Result<Incoming<AnyBody>, TransportError> {
        let Incoming { status, headers, body } = self.0.send(request).await?;
        Ok(Incoming { status, headers, body: AnyBody(Box::new(body)) })
    }
}

#[async_trait]
impl<B: AnswerBody> Chunks for B {
    async fn next_chunk(&mut self) -> Result<Option<bytes::Bytes>, TransportError> {
        self.chunk().await
    }
}
