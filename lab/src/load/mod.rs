//! Load on a lab, and a log of every attempt.
//!
//! [`Load`] writes, overwrites, deletes and reads objects through the routers at a set rate, whatever the routers do.
//! Every attempt to write is in its [log] before it is made, and its outcome after. The log and the rows of the
//! shards are what [`checker`](crate::checker) proves from.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use lab::load::{Load, LoadOptions};
//!
//! let routers = vec!["127.77.0.20:2020".parse()?, "127.77.0.21:2020".parse()?];
//! let load = Load::start(LoadOptions { writes_per_second: 300.0, ..LoadOptions::new(routers, "load.log") })?;
//! tokio::time::sleep(std::time::Duration::from_secs(10)).await;
//! println!("{}", load.stats());
//! let summary = load.stop().await?;
//! println!("{summary}");
//! # Ok(())
//! # }
//! ```

mod attempt;
mod balancer;
mod clock;
mod keys;
pub mod log;
mod options;
mod possible;
mod reader;
mod run;
mod schedule;
mod shared;
mod stats;
mod value;
mod writer;

pub use options::{LoadOptions, Mix};
pub use run::{Load, LoadError};
pub use stats::{Latency, LoadStats, LoadSummary, ReadStats, WriteStats};

pub(crate) use possible::{Ending, Possible, Seen, State, Watch};
pub(crate) use stats::Latencies;
pub(crate) use value::write_in_text;
