//! Typed clients.
pub mod http;
pub mod imgapi;
pub mod cnapi;
pub mod sapi;
pub mod vmapi;
mod attributes;
mod error;
mod ids;
mod secret;
pub use attributes::Attributes;
pub use http::*;
pub use error::*;
pub use ids::*;
pub use secret::is_secret_key;
