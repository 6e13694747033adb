//! The emulated services of Triton.

pub(crate) mod cnapi;
pub(crate) mod http;
pub(crate) mod imgapi;
pub(crate) mod sapi;
pub(crate) mod vmapi;
