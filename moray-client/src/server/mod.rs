//! A server of the Fast protocol, for tests and for laboratories.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::{JoinHandle, JoinSet};

use crate::protocol::{DEFAULT_MAX_PAYLOAD, FrameDecoder, MessageId, ServerError, Version};

pub use self::connection::{Disconnected, Reply};

/// A request as a server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The arguments.
    pub args: Vec<Value>,
    /// The version of the protocol that the client speaks. The answer is in the same.
    pub version: Version,
    /// The request's number on its connection.
    pub id: MessageId,
    /// The client.
    pub peer: SocketAddr,
}

/// The part that answers requests. Functions and closures of this shape are handlers too.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request: gives values to `reply`, and returns when there are no more, or what is wrong.
    ///
    /// It is not stopped when the client goes away, as it is with node-fast: a write that has begun is done.
    fn handle(
        &self,
        request: Request,
        reply: Reply,
    ) -> impl Future<Output = Result<(), ServerError>> + Send;
}

impl<F, R> Handler for F
where
    F: Fn(Request, Reply) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), ServerError>> + Send,
{
    fn handle(
        &self,
        request: Request,
        reply: Reply,
    ) -> impl Future<Output = Result<(), ServerError>> + Send {
        self(request, reply)
    }
}

/// A server that is running. Dropping it closes its connections and stops its handlers.
///
/// ```
/// use moray_client::{Client, ClientOptions, Reply, Request, Server, ServerError};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::start("127.0.0.1:0", async |request: Request, reply: Reply| {
///     match request.method.as_str() {
///         "version" => reply.send(json!({"version": 2})).await.unwrap_or_default(),
///         other => return Err(ServerError::unsupported_method(other)),
///     }
///     Ok(())
/// })
/// .await?;
/// let client = Client::new(server.address().to_string(), ClientOptions::default());
/// assert_eq!(client.version().await?, 2);
/// assert!(client.ping(false).await.unwrap_err().is_unsupported_method());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens at an address and answers requests with a handler.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn start(address: impl ToSocketAddrs, handler: impl Handler) -> io::Result<Self> {
        Self::on(TcpListener::bind(address).await?, handler)
    }

    /// Answers requests to a socket that listens already.
    ///
    /// # Errors
    /// The socket does not tell its address.
    pub fn on(listener: TcpListener, handler: impl Handler) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, Arc::new(handler))) })
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all, and waits until the address is free again.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was stopped on purpose: how it ended is not of interest.
        drop((&mut self.task).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<H: Handler>(listener: TcpListener, handler: Arc<H>) {
    // All tasks of a connection are in its set, and all sets are in this one: dropping it stops everything.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let decoder = FrameDecoder::new(DEFAULT_MAX_PAYLOAD);
                    connections.spawn(connection::run(socket, peer, decoder, Arc::clone(&handler)));
                }
                Err(error) => {
                    // Such as too many open files. Some will be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(ended) = connections.join_next() => drop(ended),
        }
    }
}
