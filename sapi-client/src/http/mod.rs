//! Requests and answers as data, and the client that all four APIs share.

mod answer;
mod base_url;
mod client;
pub(crate) mod error;
mod limits;
mod message;
#[cfg(feature = "reqwest")]
mod net;
mod retry;
#[cfg(feature = "rustls")]
mod tls;
mod transport;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use client::{Client, Settings};
pub use limits::{AnswerKind, AnswerLimits};
pub use message::{Answer, Call, Effect, Method, Request};
#[cfg(feature = "reqwest")]
pub use net::{HttpBody, HttpTransport, TransportSetupError};
pub use retry::Retry;
pub use transport::{AnswerBody, Incoming, Outgoing, OutgoingBody, Transport, TransportError};

pub(crate) use answer::{json, nothing};
pub(crate) use client::{Attempt, new_request_id, transport_failure, while_moving};
pub(crate) use limits::Size;
pub(crate) use transport::Watched;

use crate::http::error::Unreadable;
