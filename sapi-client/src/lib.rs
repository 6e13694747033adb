//! Typed clients for four of Triton's APIs: SAPI (services), IMGAPI (images), VMAPI (zones) and CNAPI (servers).
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")] {
//! use std::time::Duration;
//! use sapi_client::{HttpTransport, Settings, manta::MantaApplication, sapi::Sapi};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = HttpTransport::new(Duration::from_secs(5))?;
//! let sapi = Sapi::new("http://sapi.coal.joyent.us".parse()?, transport, Settings::default());
//!
//! let manta = sapi.find_manta().await?;
//! let mut shards = manta.index_shards()?;
//! println!("ring {} of {} shards", manta.hash_ring_image()?, shards.len());
//!
//! shards.set_read_only("1.moray.coal.joyent.us", true);
//! let change = MantaApplication::set_index_shards(&shards);
//! if let Err(error) = sapi.change_application(manta.uuid(), change).await {
//!     println!("{error}; worth another try: {}", error.is_retryable());
//! }
//! # Ok(()) }
//! # }
//! ```
//!
//! # Shape
//!
//! Each API is a module of the same shape: `request` builds each call as data, a [`Call`] that also knows how the answer
//! is read, without any I/O; the types keep members that they do not know; and a client ([`sapi::Sapi`],
//! [`imgapi::Imgapi`], [`vmapi::Vmapi`], [`cnapi::Cnapi`]) runs the calls over a [`Transport`]. [`manta`] is what Manta
//! keeps in them.
//!
//! # Failing
//!
//! There is one [`Error`] for all calls. Reads and repeatable writes are repeated on passing troubles, as [`Retry`]
//! says; others never once anything was sent, for these servers answer a crash, and SAPI a slow job, with a closed
//! connection. Then [`Error::outcome_unknown`] is true: look at the state of things before anything else.
//!
//! # Secrets
//!
//! Metadata holds passwords (`UFDS_ROOT_PW`) and boot scripts. Neither `Debug` nor errors nor what is logged with
//! `tracing` shows the values of members whose names look so ([`is_secret_key`]).
//!
//! # Features
//!
//! * `reqwest` (default): `HttpTransport`, HTTP/1.1 over reqwest. Triton's APIs speak no TLS in the admin network.
//! * `rustls`: `https` for it, with `HttpTransport::trusting` for an installation's own authority. Without it a
//!   [`BaseUrl`] with `https` is refused. It needs a C compiler, for ring.

mod attributes;
pub mod cnapi;
mod http;
mod ids;
pub mod imgapi;
pub mod manta;
mod printable;
pub mod sapi;
mod secret;
pub mod vmapi;

pub use attributes::Attributes;
pub use http::error::{BoxError, Error, ErrorKind, FieldError, ServerError, Unreadable};
pub use http::{
    Answer, AnswerBody, AnswerKind, AnswerLimits, BaseUrl, Call, Client, Effect, Incoming,
    InvalidBaseUrl, Method, Outgoing, OutgoingBody, Request, Retry, Settings, Transport,
    TransportError,
};
#[cfg(feature = "reqwest")]
pub use http::{HttpBody, HttpTransport, TransportSetupError};
pub use ids::{
    AccountUuid, ApplicationUuid, ImageUuid, InstanceUuid, InvalidUuid, JobUuid, ManifestUuid,
    ServerUuid, ServiceUuid, TaskId,
};
pub use printable::printable;
pub use secret::is_secret_key;
