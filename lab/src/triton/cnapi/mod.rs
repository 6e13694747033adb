//! CNAPI.
