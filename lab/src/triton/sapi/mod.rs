//! SAPI.
