//! What the real state machine was seen to do, and what always holds.

mod boot;
mod laws;
mod life;
mod promotion;
