//! Plans in labs under load: whatever happens to them, nothing that was acknowledged is lost.
//!
//! The programs `reshard` and `reshard-lab` are those of the target directory that this test is in: `cargo build --workspace
//! --bins --examples` first.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "says what happened when a test fails")]

mod aborts;
mod crashes;
mod cutover;
mod field;
mod guarded;
mod old_router;
mod pairs;
mod programs;
mod served;
mod splits;
mod started;
mod unhappy;
