//! The answer of an electric-moray process to `GET /status`.

use serde::Deserialize;

/// The status that an electric-moray process tells of itself. It does not tell its ring.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RouterStatus {
    /// Its SMF instance; absent outside of SMF.
    pub smf_fmri: Option<String>,
    /// Its process.
    pub pid: u64,
    /// The time at which it began, by the zone's clock.
    pub start_time: String,
    /// The pnodes of the ring that it opened: it has connections to them.
    pub client_list: Vec<String>,
    /// The shards of its configuration. To all others it writes nothing.
    pub index_shards: Vec<StatusShard>,
}

/// A shard in a process's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StatusShard {
    /// Its name.
    pub host: String,
    /// True if writes to all of it are refused.
    #[serde(default, rename = "readOnly")]
    pub read_only: bool,
}
