//! Integration tests of the lab.

mod checker;

mod simulation;
