//! A client of Moray and electric-moray, the key-value stores of Triton and Manta, and of the Fast protocol that they
//! speak.
//!
//! Moray keeps objects, JSON values with a bucket and a key, in PostgreSQL. electric-moray stands in front of several
//! Morays, the shards, and passes each request on to the one that the object's key hashes to. [`Client`] speaks to
//! both.
//!
//! ```no_run
//! use moray_client::{Client, ClientOptions, EtagCondition, GetOptions, PutOptions};
//! use serde_json::json;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("electric-moray.example.com:2020", ClientOptions::default());
//!
//! // Only if there is no such object yet.
//! let new = PutOptions { etag: EtagCondition::Absent, ..Default::default() };
//! match client.put_object("manta", "/a1b2/stor/canary", &json!({"type": "object"}), &new).await {
//!     Ok(put) => println!("etag {}, put to {:?}", put.etag, put.node),
//!     Err(error) if error.is_etag_conflict() => println!("it is there already"),
//!     Err(error) if error.is_read_only() => println!("not now: {}", error.with_causes()),
//!     Err(error) if error.outcome_unknown() => println!("perhaps: {}", error.with_causes()),
//!     Err(error) => return Err(error.into()),
//! }
//!
//! let object = client.get_object("manta", "/a1b2/stor/canary", &GetOptions::default()).await?;
//! if let Some(node) = object.node {
//!     println!("vnode {} on {}", node.vnode, node.pnode);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Server`] is a small server of the same protocol, for tests and laboratories. [`FrameDecoder`], [`Frame`] and
//! [`Message`] are the protocol without any I/O.

mod client;
mod error;
mod outcome;
mod printable;
mod protocol;
mod rpc;
mod server;

pub use client::{Client, ClientOptions, Nulls, Responses};
pub use error::{AnswerError, ConnectError, ConnectionError, Error};
pub use protocol::{
    Body, DEFAULT_MAX_PAYLOAD, ErrorName, Frame, FrameDecoder, FrameError, Message, MessageError,
    MessageId, ServerError, Status, Version,
};
pub use rpc::{
    BatchEtag, BatchOptions, BatchRequest, DeleteOptions, EtagCondition, FindOptions, GetOptions,
    NodeInfo, Object, Objects, Order, Put, PutOptions, RequestId, Route, Rows, Sort, SqlOptions,
};
pub use server::{Disconnected, Handler, Reply, Request, Server};
