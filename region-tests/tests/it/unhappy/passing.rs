//! For each phase a trouble that is over by itself, or is fixed while the phase waits: it gets through.

use lab::ApiName::{Cnapi, Imgapi, Sapi, Vmapi};
use lab::FaultKind::{CutAfterActing, Error500, Hang, Unavailable503};

use super::Row;
use super::Then::{GetsThrough, Waits};
use super::trouble::Times::Only;
use super::trouble::Trouble::{
    Api, DiskFull, Kill, Reprovisioned, ZooKeeperAway, ZooKeeperRestarted,
};
use super::trouble::Zone::{NewPeer, Primary, Routers};

/// At most one for each phase.
pub(super) fn rows() -> Vec<Row> {
    [
        ("preflight", Api(Imgapi, Unavailable503, "GET", "/images", Only(2)), GetsThrough),
        ("reserve-names", ZooKeeperRestarted, GetsThrough),
        ("reserve-ring", Api(Sapi, Error500, "GET", "/applications", Only(2)), GetsThrough),
        ("plant-canaries", Kill(Routers), Waits("cannot be written")),
        ("freeze-source", ZooKeeperRestarted, GetsThrough),
        ("lock-dumps", Api(Cnapi, Error500, "POST", "/servers", Only(2)), GetsThrough),
        ("provision-peers", Api(Sapi, CutAfterActing, "POST", "/instances", Only(1)), GetsThrough),
        ("catch-up", Kill(NewPeer), Waits("waiting for the new peers to catch up")),
        ("provision-morays", Api(Vmapi, Hang, "GET", "/vms", Only(1)), GetsThrough),
        ("build-rings", Api(Imgapi, CutAfterActing, "POST", "/images", Only(1)), GetsThrough),
        ("stage-rings", Api(Cnapi, CutAfterActing, "POST", "/servers", Only(1)), GetsThrough),
        ("recheck", Api(Vmapi, Unavailable503, "GET", "/vms", Only(2)), GetsThrough),
        ("block-writes", Api(Cnapi, CutAfterActing, "POST", "/servers", Only(1)), GetsThrough),
        ("drain", DiskFull(NewPeer), Waits("waiting for the new peers to replay")),
        ("split-shard", Api(Sapi, CutAfterActing, "PUT", "/instances", Only(1)), GetsThrough),
        ("list-shard", ZooKeeperAway, Waits("waiting for a new session with ZooKeeper")),
        ("hand-over-reads", Api(Cnapi, Error500, "POST", "/servers", Only(1)), GetsThrough),
        ("publish-ring", ZooKeeperRestarted, GetsThrough),
        ("install-ring", Reprovisioned, GetsThrough),
        ("verify-routing", Kill(Routers), Waits("cannot be looked for")),
        ("release-ring", Api(Imgapi, CutAfterActing, "DELETE", "/images", Only(1)), GetsThrough),
        ("tidy-metadata", Api(Vmapi, CutAfterActing, "POST", "/vms", Only(1)), GetsThrough),
        ("unlock-dumps", Api(Cnapi, Error500, "POST", "/servers", Only(1)), GetsThrough),
        ("delete-ghosts", Kill(Primary), Waits("cannot be reached")),
        ("unfreeze", ZooKeeperRestarted, GetsThrough),
        ("remove-canaries", Kill(Routers), Waits("cannot be removed")),
    ]
    .map(|(phase, trouble, then)| Row { phase, trouble, then })
    .into()
}
