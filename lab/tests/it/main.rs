//! Integration tests of the lab.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "tests look for lines of one kind")]

mod checker;
mod load;
mod plants;
mod rows;
mod simulation;
mod tier;
mod world;
