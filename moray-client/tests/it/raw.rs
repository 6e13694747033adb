//! The other side of a connection, played by the test message by message or byte by byte.

use std::time::Duration;

use bytes::BytesMut;
use moray_client::{Body, Client, ClientOptions, FrameDecoder, Message, MessageId, Version};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything takes that works.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A server that does nothing by itself.
pub(crate) struct RawServer {
    listener: TcpListener,
}

impl RawServer {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// A client of it with one connection.
    pub(crate) fn client(&self, options: &ClientOptions) -> Client {
        Client::new(self.address(), one_connection(options))
    }

    pub(crate) async fn accept(&self) -> RawPeer {
        let (socket, _) = timeout(DEADLINE, self.listener.accept()).await.unwrap().unwrap();
        RawPeer::new(socket)
    }
}

pub(crate) fn one_connection(options: &ClientOptions) -> ClientOptions {
    ClientOptions { connections: 1.try_into().unwrap(), ..options.clone() }
}

/// One end of a connection.
pub(crate) struct RawPeer {
    pub(crate) socket: TcpStream,
    received: BytesMut,
}

impl RawPeer {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, received: BytesMut::new() }
    }

    /// The next message, or nothing at the end.
    pub(crate) async fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(frame) = FrameDecoder::default().decode(&mut self.received).unwrap() {
                return Some(Message::from_frame(&frame).unwrap());
            }
            let read = self.socket.read_buf(&mut self.received);
            // A reset is an end too.
            if timeout(DEADLINE, read).await.unwrap().unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next message's number.
    pub(crate) async fn id(&mut self) -> MessageId {
        self.receive().await.unwrap().id
    }

    pub(crate) async fn send(&mut self, id: MessageId, body: Body) {
        self.send_bytes(&bytes_of(Version::V2, id, body)).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        timeout(DEADLINE, self.socket.write_all(bytes)).await.unwrap().unwrap();
    }

    /// One value, and the end.
    pub(crate) async fn answer(&mut self, id: MessageId, value: Value) {
        self.send(id, Body::Data(vec![value])).await;
        self.send(id, Body::End(vec![])).await;
    }

    /// Closes the connection so that the other side has an error rather than an end.
    pub(crate) fn reset(self) {
        self.socket.set_zero_linger().unwrap();
    }
}

pub(crate) fn bytes_of(version: Version, id: MessageId, body: Body) -> BytesMut {
    let message = Message { version, id, method: Some("m".to_owned()), sent_at: Some(1), body };
    let mut bytes = BytesMut::new();
    message.to_frame().unwrap().encode(&mut bytes).unwrap();
    bytes
}
