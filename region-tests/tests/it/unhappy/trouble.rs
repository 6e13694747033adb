//! The troubles: things that go wrong.

use lab::{ApiFault, ApiName, Fault, FaultKind, JobFault, JobTask};

use super::region::World;

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// An API fails for requests of a method to paths that begin so.
    Api(ApiName, FaultKind, &'static str, &'static str, Times),
    /// The next job of VMAPI fails.
    Job(JobTask),
    /// ZooKeeper is killed while the phase waits for SAPI's list of applications, until the executor's session is over.
    ZooKeeperAway,
    /// ZooKeeper is killed and started again.
    ZooKeeperRestarted,
    /// A zone is killed.
    Kill(Zone),
    /// A zone is killed when a cutover begins this step.
    KillAt(&'static str, Zone),
    /// A zone cannot write files.
    DiskFull(Zone),
    /// The image of the read-only ring is corrupt.
    Image,
    /// Somebody has disabled a router's process.
    RouterDisabled,
    /// A router's process has the ring of another image.
    AnotherRing,
    /// The ring that a router's process is to read by is damaged where it was put.
    RingDamaged,
    /// The zone of the routers is recreated.
    Reprovisioned,
    /// Somebody names another ring in SAPI.
    RingEdited,
    /// Somebody lists another shard in SAPI.
    ShardsEdited,
    /// Somebody gives a new peer to another shard in SAPI.
    PeerEdited,
    /// Somebody renames a new peer.
    PeerRenamed,
    /// Another plan has reserved the name of the new shard.
    NameReserved,
    /// Somebody unfreezes the source.
    Unfrozen,
    /// Somebody else has frozen the source in place of whoever had.
    FrozenByOther,
    /// Somebody has made the lock on dumps by hand.
    DumpLockByHand,
    /// Somebody has removed the lock on dumps.
    DumpLockGone,
    /// Somebody removes the canaries, wherever they are.
    CanariesGone,
    /// A row of a moved vnode is written at the source alone.
    OnlyCopy,
    /// A row of a moved vnode is written at the new shard alone.
    StrayRow,
    /// Somebody has written a row at the source, of such a vnode, and does not end the transaction.
    OpenTransaction(Vnodes),
    /// Something lies below the switch of the new shard's Morays that only somebody's hand removes.
    SwitchCluttered,
    /// The write block may last only so many seconds, and a new peer replays nothing.
    Budget(u64),
}

/// The number of times that an API fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times {
    /// So many requests.
    Only(u32),
    /// Until it is healed.
    Healed,
}

/// The vnodes that a row may be of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Vnodes {
    /// Those that move.
    Moving,
    /// Those that stay.
    Staying,
}

/// A zone, by what it is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Zone {
    /// That of the routers.
    Routers,
    /// The first new peer's.
    NewPeer,
    /// That of the new shard's first Moray.
    NewMoray,
    /// That of the source's primary.
    Primary,
}

impl Trouble {
    /// Tells whether writes may fail while it lasts, whatever the plan does.
    pub(super) fn is_in_the_way_of_writes(&self) -> bool {
        matches!(self, Self::Kill(_) | Self::RouterDisabled) || self.seals_the_source()
    }

    /// Tells whether the source stays sealed until the plan goes on: the seal comes before the check.
    pub(super) fn seals_the_source(&self) -> bool {
        matches!(self, Self::KillAt("check", _))
    }

    /// The fault of the lab that it is, if it is one.
    pub(super) async fn fault(&self, world: &World) -> Option<Fault> {
        Some(match self {
            Self::Api(api, kind, method, path, times) => {
                let requests = match times {
                    Times::Only(requests) => Some(*requests),
                    Times::Healed => None,
                };
                let (method, path) = (Some((*method).to_owned()), Some((*path).to_owned()));
                let how = ApiFault { method, path, requests, ..ApiFault::new(*kind) };
                Fault::Api { api: *api, how }
            }
            Self::Job(task) => {
                let message = "no room on the compute node".to_owned();
                let (object, after_acting) = (false, false);
                Fault::Job(JobFault { task: *task, message, object, after_acting })
            }
            Self::ZooKeeperAway => {
                let how = ApiFault {
                    method: Some("GET".to_owned()),
                    path: Some("/applications".to_owned()),
                    requests: Some(1),
                    ..ApiFault::new(FaultKind::Hang)
                };
                Fault::Api { api: ApiName::Sapi, how }
            }
            Self::Kill(zone) => Fault::Kill { zone: world.zone(*zone).await },
            Self::DiskFull(zone) => Fault::DiskFull { zone: world.zone(*zone).await },
            Self::Budget(_) => Fault::Lag { zone: world.zone(Zone::NewPeer).await },
            Self::Image => Fault::Image { image: world.ring("read_only").await },
            _ => return None,
        })
    }
}
