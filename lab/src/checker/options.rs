//! The options of a check: what it allows.

use std::collections::BTreeSet;
use std::time::Duration;

/// The options of a check: what it allows.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The vnodes that were moved. Default: none given; those whose owner differs between the rings.
    pub moved: Option<BTreeSet<u32>>,
    /// The times that vnodes changed their owner beside those that the rings tell of: cutovers behind a name, back and there again.
    /// Default: 0.
    pub more_handovers: usize,
    /// The places where there may be ghost rows. Default: [`Ghosts::OfMoved`].
    pub ghosts: Ghosts,
    /// True if reads may see what is out of date, or otherwise wrong. They are counted anyway. Default: false.
    pub allow_wrong_reads: bool,
    /// True if reads may fail. They are counted anyway. Default: true.
    pub allow_failed_reads: bool,
    /// True if there may be objects that are neither of the history nor of its seeds. Those that have a key of one of
    /// the history's loads, or the id of a write, never may. Default: true.
    pub allow_strangers: bool,
    /// The most that the clocks of logs, rings and shards may be apart. Default: 250 ms.
    pub clock_slack: Duration,
    /// The time after its end within which a write of unknown outcome may still take effect. Default: none, for ever.
    pub unknown_within: Option<Duration>,
    /// The number of violations that the report lists at most. All are counted. Default: 20.
    pub list: usize,
}

/// The places where there may be rows of vnodes that a shard does not own.
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
            more_handovers: 0,
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
