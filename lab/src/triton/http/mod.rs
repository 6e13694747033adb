//! HTTP as Triton's services speak it.
