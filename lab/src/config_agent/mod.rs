//! Renders the configuration files of a zone from what SAPI has for it.
//!
//! As Triton's config-agent: it asks SAPI for `/configs/ZONE` now and then, renders the manifests' templates with the
//! metadata, and writes the files that changed. Nothing restarts the services that read them.

mod agent;
mod mustache;
mod sapi;

pub(crate) use agent::{Automatic, pass, run};
#[cfg(test)]
pub(crate) use mustache::render;
pub(crate) use sapi::{Sapi, SapiError};
