//! The evidence, looked at all at once; what could not be seen is kept as the reason why.

mod shard;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use manatee_client::{
    Candidate, ClusterView, DumpLock, DumpLockState, Lock, LockState, RunningDump, Shard,
    ShardName, Writability,
};
use sapi_client::cnapi::{Extra, Server, ServerFilter};
use sapi_client::imgapi::{Image, Ping};
use sapi_client::manta::MantaApplication;
use sapi_client::{Client, ImageUuid, ServerUuid};

pub(super) use self::shard::{OldTransactions, PeerProbe};
pub(super) use self::zones::{Morays, Override, RouterSeen, ZoneKind, ZoneSeen, Zones};
use super::Subject;
pub(super) use super::unseen::why;
use super::unseen::{Api, RING, Unseen};
use crate::clock::Clock;
use crate::deployment::{AnyTransport, Deployment};
use crate::epoch::PLAN_LOCKS;
use crate::guard::{Connections, GuardFinding};
use crate::inventory::{RingFacts, free_bytes, read_ring};
use crate::reservation::{Reservation, reserved_names};
use crate::rows::Tables;

/// The thing that was seen, or why not.
pub(super) type Found<T> = Result<T, Unseen>;

/// Images by datacenter; absent where IMGAPI has none.
pub(super) type Images = BTreeMap<(String, ImageUuid), Found<Option<Image>>>;

/// The longest that looking at one thing may take: the clients try a little while themselves.
const DEADLINE: Duration = Duration::from_secs(45);
/// The longest that reading the ring may take, which has to be downloaded.
const RING_DEADLINE: Duration = Duration::from_mins(10);

/// Everything that the checks judge.
pub(super) struct Evidence {
    pub(super) manta: Found<MantaApplication>,
    pub(super) zones: Found<Zones>,
    /// The state as it is written; absent where there is none.
    pub(super) state: Found<Option<Vec<u8>>>,
    pub(super) view: Found<ClusterView>,
    pub(super) candidates: Found<Vec<Candidate>>,
    /// The versions of PostgreSQL by the peers' zones.
    pub(super) versions: Found<Vec<(String, Found<String>)>>,
    pub(super) writability: Found<Writability>,
    pub(super) database_bytes: Found<u64>,
    pub(super) tables: Found<Tables>,
    pub(super) transactions: Found<OldTransactions>,
    /// Whatever speaks against a guard at the primary.
    pub(super) guard: Found<Vec<GuardFinding>>,
    /// The primary's connections.
    pub(super) connections: Found<Connections>,
    pub(super) peers: Vec<PeerProbe>,
    pub(super) dump_lock: Found<DumpLockState>,
    pub(super) dumps: Found<Vec<(String, Found<RunningDump>)>>,
    pub(super) ring_lock: Found<LockState>,
    pub(super) plan_locks: Found<Vec<(String, LockState)>>,
    pub(super) routers: Found<Vec<RouterSeen>>,
    pub(super) morays: Found<Morays>,
    pub(super) ring: Found<RingFacts>,
    /// Answers of the ring's IMGAPI and of all datacenters'.
    pub(super) imgapis: Vec<(String, Found<Ping>)>,
    /// Images by datacenter; absent where IMGAPI has none.
    pub(super) images: Found<Images>,
    pub(super) servers: Found<Vec<ServerSeen>>,
    pub(super) kept_shards: Found<Vec<ShardName>>,
    /// Reserved names of new shards, and the plans that have them.
    pub(super) reserved_names: Found<BTreeMap<String, String>>,
}

/// A compute node.
pub(super) struct ServerSeen {
    pub(super) uuid: ServerUuid,
    pub(super) hostname: String,
    pub(super) running: bool,
    pub(super) set_up: bool,
    pub(super) free_bytes: Option<u64>,
}

/// Looks at everything.
pub(super) async fn look(
    deployment: &Deployment,
    subject: &Subject,
    cache: &Path,
    clock: &dyn Clock,
) -> Evidence {
    let session = deployment.session();
    let source = deployment.shard(subject.source.clone());
    let dump_lock = DumpLock::new(session.clone());
    // The other things are found by these.
    let (manta, view) = tokio::join!(
        async {
            let sapi = deployment.sapi().map_err(why)?;
            asking(sapi.client(), async { sapi.find_manta().await.map_err(why) }).await
        },
        within("the shard", DEADLINE, async {
            deployment.databases().view(&source, Duration::from_secs(5)).await.map_err(why)
        }),
    );
    let zones = match &manta {
        Ok(manta) => zones::look(deployment, manta, subject).await,
        Err(why) => Err(why.clone()),
    };
    let (rest, ring, of_peers) = tokio::join!(
        async {
            tokio::join!(
                within("ZooKeeper", DEADLINE, async { source.read_raw().await.map_err(why) }),
                within("ZooKeeper", DEADLINE, async { source.candidates().await.map_err(why) }),
                within("ZooKeeper", DEADLINE, async { dump_lock.state().await.map_err(why) }),
                within("ZooKeeper", DEADLINE, ring_lock(deployment)),
                within("ZooKeeper", DEADLINE, plan_locks(deployment)),
                within("ZooKeeper", DEADLINE, async { Shard::list(session).await.map_err(why) }),
                zones::look_at_routers(deployment, &zones, clock),
                zones::look_at_morays(deployment, &zones),
                imgapis(deployment, &manta),
                images(deployment, subject, &zones),
                servers(deployment),
                within("ZooKeeper", DEADLINE, async {
                    reserved_names(deployment).await.map_err(why)
                }),
            )
        },
        async {
            let manta = manta.as_ref().map_err(Unseen::clone)?;
            let read = async { read_ring(deployment, manta, cache).await.map_err(why) };
            let read = within("the ring", RING_DEADLINE, read).await;
            read.map_err(|unseen| unseen.told_by(RING))
        },
        shard::look(deployment, &view, &zones, clock),
    );
    let (state, candidates, dump_lock, ring_lock, plan_locks, kept_shards, ..) = &rest;
    let (state, candidates) = (state.clone(), candidates.clone());
    let (dump_lock, ring_lock) = (dump_lock.clone(), ring_lock.clone());
    let (plan_locks, kept_shards) = (plan_locks.clone(), kept_shards.clone());
    let (.., routers, morays, imgapis, images, servers, reserved_names) = rest;
    let shard::OfPeers {
        versions,
        writability,
        database_bytes,
        tables,
        transactions,
        guard,
        connections,
        peers,
        dumps,
    } = of_peers;
    Evidence {
        manta,
        zones,
        state,
        view,
        candidates,
        versions,
        writability,
        database_bytes,
        tables,
        transactions,
        guard,
        connections,
        peers,
        dump_lock,
        dumps,
        ring_lock,
        plan_locks,
        routers,
        morays,
        ring,
        imgapis,
        images,
        servers,
        kept_shards,
        reserved_names,
    }
}

/// Gives up in time.
pub(super) async fn within<T>(
    what: &str,
    deadline: Duration,
    looking: impl Future<Output = Found<T>>,
) -> Found<T> {
    let looked = tokio::time::timeout(deadline, looking).await;
    looked.unwrap_or_else(|_| {
        Err(format!("no answer from {what} within {} s", deadline.as_secs()).into())
    })
}

/// Asks an API, and gives up in time.
pub(super) async fn asking<T>(
    client: &Client<AnyTransport>,
    looking: impl Future<Output = Found<T>>,
) -> Found<T> {
    let looked = tokio::time::timeout(DEADLINE, looking).await;
    looked.unwrap_or_else(|_| Err(Unseen::silent(Api::of(client), DEADLINE.as_secs())))
}

async fn ring_lock(deployment: &Deployment) -> Found<LockState> {
    Reservation::Ring.lock(deployment).map_err(why)?.state().await.map_err(why)
}

async fn plan_locks(deployment: &Deployment) -> Found<Vec<(String, LockState)>> {
    let session = deployment.session();
    let mut locks = Vec::new();
    for name in Lock::list(session, PLAN_LOCKS).await.map_err(why)? {
        let lock = Lock::new(session.clone(), PLAN_LOCKS, &name).map_err(why)?;
        locks.push((name, lock.state().await.map_err(why)?));
    }
    Ok(locks)
}

async fn imgapis(
    deployment: &Deployment,
    manta: &Found<MantaApplication>,
) -> Vec<(String, Found<Ping>)> {
    let mut clients = BTreeMap::new();
    if let Ok(Ok(base)) = manta.as_ref().map(MantaApplication::hash_ring_imgapi) {
        clients.insert(base.to_string(), deployment.imgapi_at(&base));
    }
    for datacenter in deployment.datacenters() {
        let base = datacenter.imgapi.client().base().to_string();
        clients.entry(base).or_insert_with(|| datacenter.imgapi.clone());
    }
    join_all(clients.into_iter().map(|(base, imgapi)| async move {
        let ping = asking(imgapi.client(), async { imgapi.ping().await.map_err(why) }).await;
        (base, ping)
    }))
    .await
}

/// Every image that new zones may be made from, in every datacenter in which the source or new zones are.
async fn images(deployment: &Deployment, subject: &Subject, zones: &Found<Zones>) -> Found<Images> {
    let zones = zones.as_ref().map_err(Unseen::clone)?;
    let mut wanted: BTreeSet<(&str, ImageUuid)> = BTreeSet::new();
    for datacenter in deployment.datacenters() {
        let here = |zone: &&ZoneSeen| {
            zone.kind != ZoneKind::Router && zone.datacenter.as_deref() == Some(&datacenter.name)
        };
        let there: Vec<&ZoneSeen> = zones.seen.iter().filter(here).collect();
        if there.is_empty() {
            continue;
        }
        let running = there.iter().filter_map(|zone| zone.vm.as_ref().ok()?.as_ref()?.image_uuid);
        wanted.extend(
            running.chain(subject.images.iter().copied()).map(|image| (&*datacenter.name, image)),
        );
    }
    let looking = wanted.into_iter().map(|(datacenter, uuid)| async move {
        ((datacenter.to_owned(), uuid), image(deployment, datacenter, uuid).await)
    });
    Ok(join_all(looking).await.into_iter().collect())
}

async fn image(deployment: &Deployment, datacenter: &str, uuid: ImageUuid) -> Found<Option<Image>> {
    let imgapi = &deployment.datacenter(datacenter).map_err(why)?.imgapi;
    let look = async {
        match imgapi.get_image(uuid).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(why(error)),
        }
    };
    asking(imgapi.client(), look).await
}

async fn servers(deployment: &Deployment) -> Found<Vec<ServerSeen>> {
    let filter =
        ServerFilter { extras: vec![Extra::Disk, Extra::Capacity], ..ServerFilter::default() };
    let mut seen = Vec::new();
    for datacenter in deployment.datacenters() {
        let cnapi = &datacenter.cnapi;
        let listing = async { cnapi.list_servers(&filter).await.map_err(why) };
        let listed = asking(cnapi.client(), listing).await?;
        seen.extend(listed.iter().map(|server: &Server| ServerSeen {
            uuid: server.uuid,
            hostname: server.hostname.clone().unwrap_or_else(|| server.uuid.to_string()),
            running: server.status == Some(sapi_client::cnapi::ServerStatus::Running),
            set_up: server.setup == Some(true),
            free_bytes: free_bytes(server),
        }));
    }
    Ok(seen)
}
