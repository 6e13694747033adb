//! For each phase troubles that somebody has to fix: the plan holds, says what is the matter and what to do, and goes on
//! when that is done.

use lab::ApiName::{Imgapi, Sapi};
use lab::FaultKind::Error500;
use lab::JobTask::Provision;

use super::Row;
use super::Then::Holds;
use super::trouble::Times::Healed;
use super::trouble::Trouble::*;
use super::trouble::Zone::{NewPeer, Primary, Routers};

const PUT_RIGHT: &str = "fix what the message names";
const ENABLE: &str = "`svcadm enable";
const START: &str = "start the zone";

pub(super) fn rows() -> Vec<Row> {
    let sapi = |method| Api(Sapi, Error500, method, "/", Healed);
    vec![
        ("preflight", sapi("GET"), Holds("the server answered 500", "make SAPI answer")),
        ("preflight", RouterDisabled, Holds("electric-moray-2021 in", ENABLE)),
        ("reserve-names", NameReserved, Holds("cannot be reserved", "takes other numbers")),
        (
            "reserve-ring",
            RingEdited,
            Holds("the ring is the image 5b0c0de5", "put HASH_RING_IMAGE back"),
        ),
        ("plant-canaries", Kill(Routers), Holds("cannot be written", PUT_RIGHT)),
        ("freeze-source", FrozenByOther, Holds("maintenance", "until they have unfrozen it")),
        ("lock-dumps", DumpLockByHand, Holds("/pg_dump_lock was made by hand", "delete it")),
        (
            "provision-peers",
            Job(Provision),
            Holds("no room on the compute node", "another in its place"),
        ),
        (
            "catch-up",
            Kill(NewPeer),
            Holds("waiting for the new peers to catch up", "the sitter's log"),
        ),
        ("catch-up", Unfrozen, Holds("it is not frozen", "'resume the plan' freezes it again")),
        (
            "provision-morays",
            Job(Provision),
            Holds("no room on the compute node", "another in its place"),
        ),
        (
            "build-rings",
            Api(Imgapi, Error500, "GET", "/images", Healed),
            Holds("the server answered 500", PUT_RIGHT),
        ),
        ("stage-rings", Image, Holds("its file in IMGAPI is damaged", "put the right file there")),
        ("stage-rings", Kill(Routers), Holds("does not run", START)),
        ("stage-rings", AnotherRing, Holds("is of 5b0c0de5", "install the ring")),
        ("recheck", AnotherRing, Holds("is the image 5b0c0de5", "put HASH_RING_IMAGE right")),
        ("recheck", DumpLockGone, Holds("dumps are not locked out", "locks them out again")),
        ("block-writes", RouterDisabled, Holds("electric-moray-2021 is disabled", ENABLE)),
        ("block-writes", AnotherRing, Holds("is of the image 5b0c0de5", "put the ring of")),
        ("drain", Kill(Primary), Holds("it does not answer", "nobody takes over")),
        ("drain", Budget(4), Holds("used up its budget", "tune budget_seconds")),
        ("drain", Unfrozen, Holds("it is not frozen", "'resume the plan' freezes it again")),
        ("split-shard", PeerEdited, Holds("has the metadata SHARD", "set it back")),
        ("list-shard", ShardsEdited, Holds("INDEX_MORAY_SHARDS is", "put the old value back")),
        ("list-shard", sapi("GET"), Holds("the server answered 500", PUT_RIGHT)),
        (
            "list-shard",
            Reprovisioned,
            Holds("does not have the read-only ring", "begins the write block anew"),
        ),
        ("hand-over-reads", RingDamaged, Holds("electric-moray-2022 in the zone", "see its log")),
        (
            "hand-over-reads",
            Reprovisioned,
            Holds("was the zone reprovisioned", "begins the write block anew"),
        ),
        ("publish-ring", sapi("GET"), Holds("the server answered 500", PUT_RIGHT)),
        ("install-ring", Kill(Routers), Holds("does not run", START)),
        ("install-ring", RouterDisabled, Holds("electric-moray-2021 is disabled", ENABLE)),
        ("verify-routing", Kill(Routers), Holds("cannot be looked for", PUT_RIGHT)),
        ("verify-routing", CanariesGone, Holds("does not find the canary", "writes it again")),
        ("release-ring", Kill(Routers), Holds("does not run", START)),
        ("tidy-metadata", PeerRenamed, Holds("cannot be called", "give it back its old")),
        ("unlock-dumps", DumpLockByHand, Holds("/pg_dump_lock was made by hand", "delete")),
        ("delete-ghosts", OnlyCopy, Holds("it may be the only copy", "or delete it at")),
        ("unfreeze", FrozenByOther, Holds("maintenance", "until they lift it")),
        ("remove-canaries", Kill(Routers), Holds("cannot be removed", PUT_RIGHT)),
    ]
    .into_iter()
    .map(|(phase, trouble, then)| Row { phase, trouble, then })
    .collect()
}
