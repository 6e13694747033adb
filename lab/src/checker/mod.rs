//! Proves from the logs of loads, the rows of all shards and the rings what became of every write.
//!
//! [`check`] is pure. What it needs is read before: the rows by [`read_world`], the logs by [`History::add_log`], in
//! **this order**: a row that was read is then explained by an intent that is in the log. A check can be made at any
//! moment, while loads run, and at the end. What is under way is then of unknown outcome.
//!
//! ```no_run
//! # async fn run(ring: fash::Ring) -> Result<(), Box<dyn std::error::Error>> {
//! use lab::checker::{CheckOptions, History, Rings, ShardAddress, check, read_world};
//!
//! let rings = Rings::always(ring, |_bucket, key| key.to_owned());
//! let first = ShardAddress::new("tcp://1.moray.lab.example.net:2020", "127.77.0.40:5432".parse()?);
//! let world = read_world(&[first]).await?;
//! let mut history = History::default();
//! history.add_log("load.log".as_ref())?;
//! let report = check(&history, &world, &rings, &CheckOptions::default())?;
//! println!("{report}");
//! assert!(report.is_green());
//! # Ok(())
//! # }
//! ```
//!
//! # What is proven
//! An acknowledged write took effect once, between its start and its end. One of unknown outcome may take effect at any
//! time after its start. From that follows what each object can be at its owner when its shard is read; everything else
//! is a [`Violation`]. Nothing that can have happened in a right tier is one. While a vnode changes its owner, no row of
//! it proves anything; [`Checked::in_transit`] tells of how many objects that was so.
//!
//! Rows at a shard that does not own them are ghosts. They are counted apart, and are violations only where
//! [`CheckOptions::ghosts`] does not allow them: before somebody has cleaned up they are what a move leaves. What was
//! never written is a phantom on either side.

mod block;
mod check;
mod counts;
mod databases;
mod ghosts;
mod history;
mod object;
mod options;
mod outages;
mod report;
mod requests;
mod rings;
mod routing;
mod rows;
mod single_writer;
mod table;
mod violation;
mod world;

pub use block::WriteBlock;
pub use check::{CheckError, check};
pub(crate) use databases::ServedFrom;
pub use databases::{Databases, DatabasesError};
pub use history::History;
pub use options::{CheckOptions, Ghosts};
pub use outages::{Outages, VnodeOutages};
pub use report::{Checked, Report};
pub use rings::{RingInForce, Rings};
pub use rows::{DirectoryCount, Row, Shard, World};
pub use violation::{Violation, ViolationKind};
pub use world::{ShardAddress, WorldError, read_world};
