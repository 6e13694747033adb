//! For each phase that only the guarded mode has troubles that somebody has to fix: the plan holds, says what is the matter and
//! what to do, and goes on when that is done. Writes are taken all the while.

use lab::ApiName::Sapi;
use lab::FaultKind::Error500;

use super::Row;
use super::Then::Holds;
use super::trouble::Times::Healed;
use super::trouble::Trouble::{
    AnotherRing, Api, FrozenByOther, Kill, KillAt, OpenTransaction, RingEdited, RouterDisabled,
    StrayRow, SwitchCluttered,
};
use super::trouble::Vnodes::{Moving, Staying};
use super::trouble::Zone::{NewMoray, NewPeer, Primary};

const END: &str = "what nobody needs ends with `SELECT pg_terminate_backend(";
const START_PEER: &str = "start its zone if that is down";
const START_MORAY: &str = "start the zone if it is down";

pub(super) fn rows() -> Vec<Row> {
    let let_go = "were let go, the last in the step \"fence\"";
    [
        ("arm-guard", OpenTransaction(Moving), Holds("in the way: process", END)),
        ("open-switches", SwitchCluttered, Holds("/election/mine", "`deleteall /manta_reshard")),
        ("lead-morays", Kill(NewMoray), Holds("does not follow /manta_reshard", START_MORAY)),
        ("part-peers", Kill(Primary), Holds("it does not answer", "nobody takes over")),
        ("close-targets", Kill(NewPeer), Holds("cannot be reached", START_PEER)),
        ("thaw-source", FrozenByOther, Holds("maintenance", "until they lift it")),
        ("follow", StrayRow, Holds("1 row is not the same", "what only it has")),
        ("follow", Kill(NewPeer), Holds("cannot be reached", START_PEER)),
        ("flip-routers", RouterDisabled, Holds("electric-moray-2021 is disabled", "svcadm enable")),
        ("flip-routers", AnotherRing, Holds("is of the image 5b0c0de5", "put the ring of")),
        (
            "name-ring",
            Api(Sapi, Error500, "GET", "/", Healed),
            Holds("the server answered 500", "fix what the message names"),
        ),
        ("name-ring", RingEdited, Holds("HASH_RING_IMAGE is", "put the old value back")),
        ("cut-over", FrozenByOther, Holds("maintenance", "until they have unfrozen it")),
        ("cut-over", OpenTransaction(Moving), Holds(let_go, "tries again")),
        ("cut-over", KillAt("drain", NewPeer), Holds("cannot be reached", START_PEER)),
        ("cut-over", KillAt("check", NewPeer), Holds("cannot be finished", "then at once")),
        ("settle-morays", Kill(NewMoray), Holds("out of the name service", START_MORAY)),
        ("remove-guard", Kill(NewPeer), Holds("cannot be reached", START_PEER)),
        ("remove-guard", OpenTransaction(Staying), Holds("in the way: process", END)),
    ]
    .map(|(phase, trouble, then)| Row { phase, trouble, then })
    .into()
}
