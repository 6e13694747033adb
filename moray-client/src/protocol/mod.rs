//! The Fast protocol: bytes ↔ [`Frame`] ↔ [`Message`], without any I/O.

mod checksum;
mod frame;
mod message;
mod server_error;

pub use frame::{DEFAULT_MAX_PAYLOAD, Frame, FrameDecoder, FrameError, MessageId, Status, Version};
pub(crate) use message::request_payload;
pub use message::{Body, Message, MessageError};
pub use server_error::{ErrorName, ServerError};
