//! The emulated services of Triton, each a server of its own. A lab starts them all; tests of clients can start one alone.

pub(crate) mod cnapi;
mod digest;
pub(crate) mod http;
pub(crate) mod imgapi;
pub(crate) mod sapi;
pub(crate) mod store;
pub(crate) mod vmapi;

pub(crate) use digest::sha1;
pub use http::{ApiFault, ApiFaults, ApiName, ApiServer, FaultKind, FaultPoint};
pub use imgapi::{Imgapi, ImgapiMode, ImgapiOptions};
pub use sapi::population::ManifestTemplate;
pub use sapi::{Master, Mode, Population, Sapi, SapiOptions};
pub use store::StoreError;
