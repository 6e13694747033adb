//! The peers of the source: their PostgreSQL servers and their zones.

use std::time::Duration;

use futures_util::future::join_all;
use manatee_client::{ClusterView, DUMP_PORT, Peer, PgEndpoint, Role, RunningDump, Writability};

use super::zones::{ZoneKind, ZoneSeen, Zones};
use super::{DEADLINE, Found, Unseen, why, within};
use crate::clock::Clock;
use crate::deployment::{Deployment, ZonePlace, ZoneScript};
use crate::guard::{Connections, GuardFinding, preflight};
use crate::inventory::ClockReading;
use crate::preflight::OLD_TRANSACTION;
use crate::region::OpenTransaction;
use crate::rows::{Tables, list_tables};

/// The longest that a peer may take to answer.
const PEER: Duration = Duration::from_secs(5);

/// The peers' answers.
pub(super) struct OfPeers {
    pub(super) versions: Found<Vec<(String, Found<String>)>>,
    pub(super) writability: Found<Writability>,
    pub(super) database_bytes: Found<u64>,
    pub(super) tables: Found<Tables>,
    pub(super) transactions: Found<OldTransactions>,
    pub(super) guard: Found<Vec<GuardFinding>>,
    pub(super) connections: Found<Connections>,
    pub(super) peers: Vec<PeerProbe>,
    pub(super) dumps: Found<Vec<(String, Found<RunningDump>)>>,
}

/// Transactions at the primary that are open for some time, and all prepared ones.
pub(in crate::preflight) struct OldTransactions {
    /// The primary.
    pub(in crate::preflight) at: PgEndpoint,
    /// The transactions.
    pub(in crate::preflight) open: Vec<OpenTransaction>,
}

/// A peer's zone.
pub(in crate::preflight) struct PeerProbe {
    pub(in crate::preflight) label: String,
    /// The findings in it.
    pub(in crate::preflight) inside: Found<PeerInside>,
}

/// The findings in a peer's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::preflight) struct PeerInside {
    pub(in crate::preflight) clock: ClockReading,
    pub(in crate::preflight) free_bytes: u64,
    /// SMF's state of the sitter.
    pub(in crate::preflight) sitter: String,
    /// SMF's state of the backup server.
    pub(in crate::preflight) backup_server: String,
    /// The shard in the sitter's configuration.
    pub(in crate::preflight) shard_path: String,
}

pub(super) async fn look(
    deployment: &Deployment,
    view: &Found<ClusterView>,
    zones: &Found<Zones>,
    clock: &dyn Clock,
) -> OfPeers {
    let chain: Found<Vec<&Peer>> =
        view.as_ref().map(|view| view.state.chain().collect()).map_err(Unseen::clone);
    let primary = chain
        .as_ref()
        .map_err(Unseen::clone)
        .and_then(|chain| chain.first().copied().ok_or_else(|| "the shard has no primary".into()));
    let (
        versions,
        writability,
        database_bytes,
        tables,
        transactions,
        (guard, connections),
        peers,
        dumps,
    ) = tokio::join!(
        async {
            let asking = chain
                .clone()?
                .into_iter()
                .map(|peer| async move { (peer.ip.clone(), version(deployment, peer).await) });
            Ok(join_all(asking).await)
        },
        async {
            let at = primary.clone()?.endpoint().map_err(why)?;
            deployment.databases().writability(&at).await.map_err(why)
        },
        async { database_bytes(deployment, primary.clone()?).await },
        async { within("the primary", DEADLINE, tables(deployment, primary.clone()?)).await },
        within("the primary", DEADLINE, async {
            old_transactions(deployment, primary.clone()?).await
        }),
        of_guard(deployment, &primary),
        look_into_zones(deployment, zones, clock),
        async {
            let peers = view.as_ref().map_err(Unseen::clone)?.state.peers();
            let asking = peers.filter(|(role, _)| *role != Role::Deposed).map(|(_, peer)| async {
                let endpoint = peer.endpoint().map_err(why);
                let dump = match endpoint {
                    Ok(endpoint) => {
                        let databases = deployment.databases();
                        databases.running_dump(&endpoint, DUMP_PORT, PEER).await.map_err(why)
                    }
                    Err(why) => Err(why),
                };
                (peer.ip.clone(), dump)
            });
            Ok(join_all(asking).await)
        },
    );
    OfPeers {
        versions,
        writability,
        database_bytes,
        tables,
        transactions,
        guard,
        connections,
        peers,
        dumps,
    }
}

/// The things that speak against a guard, and the connections.
async fn of_guard(
    deployment: &Deployment,
    primary: &Found<&Peer>,
) -> (Found<Vec<GuardFinding>>, Found<Connections>) {
    let connect = async {
        let endpoint = primary.clone()?.endpoint().map_err(why)?;
        deployment.databases().connect(&endpoint, PEER).await.map_err(why)
    };
    let database = match within("the primary", DEADLINE, connect).await {
        Ok(database) => database,
        Err(unseen) => return (Err(unseen.clone()), Err(unseen)),
    };
    (
        preflight(&database, OLD_TRANSACTION).await.map_err(why),
        Connections::read(&database).await.map_err(why),
    )
}

async fn version(deployment: &Deployment, peer: &Peer) -> Found<String> {
    let at = peer.endpoint().map_err(why)?;
    deployment.databases().version(&at).await.map(|version| version.to_string()).map_err(why)
}

async fn database_bytes(deployment: &Deployment, primary: &Peer) -> Found<u64> {
    let endpoint = primary.endpoint().map_err(why)?;
    let database = deployment.databases().connect(&endpoint, DEADLINE).await.map_err(why)?;
    let sql = "SELECT pg_database_size(current_database())";
    let size: i64 = database.value("read the size", sql, &[]).await.map_err(why)?;
    Ok(u64::try_from(size).unwrap_or(0))
}

async fn tables(deployment: &Deployment, primary: &Peer) -> Found<Tables> {
    let endpoint = primary.endpoint().map_err(why)?;
    let database = deployment.databases().connect(&endpoint, DEADLINE).await.map_err(why)?;
    list_tables(&database).await.map_err(why)
}

async fn old_transactions(deployment: &Deployment, primary: &Peer) -> Found<OldTransactions> {
    let at = primary.endpoint().map_err(why)?;
    let transactions = deployment.databases().transactions(&at, PEER).await.map_err(why)?;
    let old = transactions.server_time(OLD_TRANSACTION).await.map_err(why)?;
    let open = transactions.open_before(&old).await.map_err(why)?;
    Ok(OldTransactions { at, open })
}

async fn look_into_zones(
    deployment: &Deployment,
    zones: &Found<Zones>,
    clock: &dyn Clock,
) -> Vec<PeerProbe> {
    let Ok(zones) = zones else { return Vec::new() };
    let mut looking = Vec::new();
    for zone in &zones.seen {
        if zone.kind == ZoneKind::Postgres {
            looking.push(look_into_zone(deployment, zone, clock));
        }
    }
    join_all(looking).await
}

async fn look_into_zone(deployment: &Deployment, zone: &ZoneSeen, clock: &dyn Clock) -> PeerProbe {
    let inside = match zone.place() {
        Ok(place) => within("the zone", DEADLINE, probe(deployment, &place, clock)).await,
        Err(unseen) => Err(unseen),
    };
    PeerProbe { label: zone.label(), inside }
}

async fn probe(deployment: &Deployment, place: &ZonePlace, clock: &dyn Clock) -> Found<PeerInside> {
    let text = include_str!("../../scripts/peer-facts.sh");
    let script = ZoneScript::new("peer-facts", text).within(Duration::from_secs(30));
    let before = clock.now();
    let printed = deployment.zones().stdout(place, &script).await.map_err(why)?;
    let after = clock.now();
    let line = |key: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        line.map(str::trim).ok_or_else(|| format!("the zone does not tell its {key}"))
    };
    let number = |key: &str| {
        line(key)?.parse::<i64>().map_err(|_| format!("the zone tells no number as its {key}"))
    };
    Ok(PeerInside {
        clock: ClockReading { zone: number("clock")?, before, after },
        free_bytes: u64::try_from(number("free")?).unwrap_or(0),
        sitter: line("manatee-sitter")?.to_owned(),
        backup_server: line("manatee-backupserver")?.to_owned(),
        shard_path: line("shard-path")?.to_owned(),
    })
}
