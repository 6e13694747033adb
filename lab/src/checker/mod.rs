//! Proves from a log of acknowledged writes what became of them.
