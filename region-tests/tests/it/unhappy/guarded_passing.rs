//! For each phase that only the guarded mode has troubles that are over by themselves, or are fixed while the phase waits: it gets
//! through.

use lab::ApiName::Cnapi;
use lab::FaultKind::CutAfterActing;

use super::Row;
use super::Then::{GetsThrough, Waits};
use super::trouble::Times::Only;
use super::trouble::Trouble::{Api, DiskFull, Kill, OpenTransaction, ZooKeeperRestarted};
use super::trouble::Vnodes::Moving;
use super::trouble::Zone::NewPeer;

pub(super) fn rows() -> Vec<Row> {
    // A script was run in a zone, and nobody knows what came of it.
    let answer_lost = || Api(Cnapi, CutAfterActing, "POST", "/servers", Only(1));
    [
        ("arm-guard", OpenTransaction(Moving), Waits("in the way: process")),
        ("open-switches", ZooKeeperRestarted, GetsThrough),
        ("lead-morays", answer_lost(), GetsThrough),
        ("part-peers", DiskFull(NewPeer), Waits("waiting for the new peers to replay")),
        ("close-targets", Kill(NewPeer), Waits("cannot be reached")),
        ("thaw-source", ZooKeeperRestarted, GetsThrough),
        ("follow", Kill(NewPeer), Waits("cannot be reached")),
        ("flip-routers", answer_lost(), GetsThrough),
        ("name-ring", ZooKeeperRestarted, GetsThrough),
        ("cut-over", OpenTransaction(Moving), Waits("let go in the step \"fence\"")),
        ("settle-morays", answer_lost(), GetsThrough),
        ("remove-guard", Kill(NewPeer), Waits("cannot be reached")),
    ]
    .map(|(phase, trouble, then)| Row { phase, trouble, then })
    .into()
}
