//! The behaviour that the real state machine was seen to have, and what always holds.

#![expect(clippy::float_cmp, reason = "generations are counted, not measured")]

mod boot;
mod laws;
mod life;
mod promotion;
