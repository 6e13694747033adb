//! The answer of a router to `GET /status`.

use fash::Pnode;
use serde::Serialize;

use super::routing::IndexShard;

/// The answer. It does not change.
#[derive(Debug, Serialize)]
pub(super) struct Status<'a> {
    pub(super) smf_fmri: String,
    pub(super) pid: u32,
    pub(super) start_time: String,
    pub(super) client_list: &'a [Pnode],
    pub(super) index_shards: &'a [IndexShard],
}
