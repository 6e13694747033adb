//! The nightly dumps of shards: whether one runs, when they begin, and which were missed while they were locked out.

mod missed;
mod running;
mod schedule;

pub use self::missed::{MissedDump, missed_dumps};
pub use self::running::{DumpsError, Running, dump_schedule, running_dumps};
pub use self::schedule::{InvalidSchedule, Schedule};
