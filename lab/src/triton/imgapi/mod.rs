//! IMGAPI.
