//! SMF: keeps the processes of a zone's services running.

mod machine;
mod pattern;
mod runner;
#[cfg(test)]
mod tests;

pub(super) use machine::Event;
pub(super) use pattern::{Match, resolve};
pub(super) use runner::{Launch, Prepare, Runner, RunnerOptions};
