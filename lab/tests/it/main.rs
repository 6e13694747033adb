//! Integration tests of the lab.

mod checker;
mod load;
mod simulation;
mod tier;
mod world;
