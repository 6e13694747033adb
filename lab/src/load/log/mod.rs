//! The log of a load: what was tried, when, and what came of it.
//!
//! The log is a file of JSON, one value a line, that only grows. Other programs can write such logs too, and have them
//! checked by [`checker`](crate::checker). The lines:
//!
//! * [`Line::Header`], the first: the run's number, the epoch of all times in the file, and which keys are the run's.
//! * [`Line::Intent`]: an attempt to write one or several objects. It is handed to the kernel **before** the request is
//!   sent: there is no write in the world whose intent is not in the log.
//! * [`Line::Outcome`]: what came of an attempt. It is handed to the kernel at the latest 100 ms after it is known.
//! * [`Line::Read`]: a read and what it saw, as outcomes.
//!
//! # When the writer of a log is killed
//! An intent without an outcome is an attempt whose outcome is unknown: it may have been done, or not, or be done later.
//! So if the program that writes the log is killed, the acknowledgements of its last 100 ms become unknown. That makes
//! the proof weaker by these few writes, and never wrong. A line that is cut off at the end of the file is passed over.
//! (When the whole machine crashes, lines that the kernel had not yet written to the disk are lost, and writes may be in
//! the world that no intent tells of.)
//!
//! # Rules for those who write logs
//! * At any time at most one attempt changes a key, and the [numbers](WriteId::number) of the writes of one key rise.
//! * An outcome is [`Refused`](Outcome::Refused) only if the write is certainly not done and never will be.

mod entry;
mod read;
mod write;
mod write_id;

pub use entry::{
    Action, Change, Condition, Header, Intent, Line, Node, Outcome, OutcomeLine, ReadLine,
    ReadResult, VERSION,
};
pub use read::{LogError, LogReader};
pub use write::LogWriter;
pub use write_id::{InvalidWriteId, WriteId};
