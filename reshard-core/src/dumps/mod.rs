//! The nightly dumps of shards: whether one runs, when they begin, and which were missed while they were locked out.

mod missed;
mod overview;
mod running;
mod schedule;

pub use self::missed::{MissedDump, missed_dumps};
pub use self::overview::{DumpsOverview, LockSeen, dumps_overview, see_lock};
pub use self::running::{
    DumpsError, FoundSchedules, Running, dump_schedule, find_schedules, running_dumps,
};
pub use self::schedule::{InvalidSchedule, Schedule};
