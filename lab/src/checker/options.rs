//! What a check allows.

use std::collections::BTreeSet;
use std::time::Duration;

/// What a check allows.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The vnodes that were moved. Default: none given; those whose owner differs between the rings.
    pub moved: Option<BTreeSet<u32>>,
    /// Where there may be ghost rows. Default: [`Ghosts::OfMoved`].
    pub ghosts: Ghosts,
    /// Whether reads may see what is out of date, or otherwise wrong. They are counted anyway. Default: false.
    pub allow_wrong_reads: bool,
    /// Whether reads may fail. They are counted anyway. Default: true.
    pub allow_failed_reads: bool,
    /// Whether there may be objects that are neither of the history nor of its seeds. Those that have a key of one of
    /// the history's loads, or the id of a write, never may. Default: true.
    pub allow_strangers: bool,
    /// How far the clocks of logs, rings and shards may be apart. Default: 250 ms.
    pub clock_slack: Duration,
    /// How long after its end a write of unknown outcome may still take effect. Default: none, for ever.
    pub unknown_within: Option<Duration>,
    /// How many violations the report lists. All are counted. Default: 20.
    pub list: usize,
}

/// Where there may be rows of vnodes that a shard does not own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ghosts {
    /// Anywhere.
    Anywhere,
    /// Of vnodes that were moved, at shards that owned them at some time.
    #[default]
    OfMoved,
    /// As [`Self::OfMoved`], and at a shard that vnodes were moved to, of all vnodes of the shard that they came from: a
    /// new shard begins as a copy of the old one.
    OfSplits,
    /// Nowhere.
    Nowhere,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            moved: None,
            ghosts: Ghosts::default(),
            allow_wrong_reads: false,
            allow_failed_reads: true,
            allow_strangers: true,
            clock_slack: Duration::from_millis(250),
            unknown_within: None,
            list: 20,
        }
    }
}
