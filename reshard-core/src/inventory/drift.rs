//! Drift: whether a plan still fits the region that it was made for. Two inventories compared, in words.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use manatee_client::ShardName;
use sapi_client::manta::{self, ShardList};
use sapi_client::{ImageUuid, InstanceUuid};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Inventory, PnodeFacts, RouterFacts, ShardFacts, ZoneFacts};

/// Something that is not any more as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The severity: whether the plan can still be carried out.
    pub severity: DriftSeverity,
    /// The thing that it is about: `the image of the ring`.
    pub what: String,
    /// The state then.
    pub was: String,
    /// The state now.
    pub is: String,
}

impl Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: was {}, is {}", self.what, self.was, self.is)
    }
}

/// The meaning of a drift for the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftSeverity {
    /// Worth knowing; the plan still does what it was shown to do.
    Mention,
    /// The plan would do something else than what it was shown to do: it needs to be recreated.
    Refuse,
}

/// Changes that a plan itself has made since it was made: no drift.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The zones that it has created.
    pub zones: BTreeSet<InstanceUuid>,
    /// The shards that it has begun to set up.
    pub shards: BTreeSet<String>,
    /// The image of the ring that it changes, once that is decided. Before, other plans may change the ring.
    pub ring: Option<ImageUuid>,
}

/// The differences that matter between the inventory that a plan was made from and what is there now.
///
/// The primary, the size of the database, the free space of servers: such things change all the time, and are worth a
/// [`DriftSeverity::Mention`] at most. What a check of the preflight looks at anyway is not compared.
pub fn drift(was: &Inventory, is: &Inventory, expected: &Expected) -> Vec<Drift> {
    let mut drifts = Drifts::default();
    drifts.region(was, is);
    drifts.ring(was, is, expected);
    drifts.shards(was, is, expected);
    drifts.inventoried(was, is, expected);
    drifts.routers(&was.routers, &is.routers);
    drifts.servers(was, is);
    drifts.0.sort_by_key(|drift| std::cmp::Reverse(drift.severity));
    drifts.0
}

#[derive(Default)]
struct Drifts(Vec<Drift>);

const REFUSE: DriftSeverity = DriftSeverity::Refuse;
const MENTION: DriftSeverity = DriftSeverity::Mention;
/// Growth of the database that is worth a word, in percent.
const GROWTH: u64 = 25;

impl Drifts {
    fn compare<T: PartialEq + Display>(
        &mut self,
        severity: DriftSeverity,
        what: impl Display,
        was: &T,
        is: &T,
    ) {
        if was != is {
            self.add(severity, what, was, is);
        }
    }

    fn add(
        &mut self,
        severity: DriftSeverity,
        what: impl Display,
        was: impl Display,
        is: impl Display,
    ) {
        let (what, was, is) = (what.to_string(), was.to_string(), is.to_string());
        self.0.push(Drift { severity, what, was, is });
    }

    fn region(&mut self, was: &Inventory, is: &Inventory) {
        self.compare(REFUSE, "the region", &was.region, &is.region);
        self.compare(REFUSE, "the domain", &was.dns_domain, &is.dns_domain);
        self.compare(REFUSE, "SAPI's application manta", &was.application, &is.application);
        self.compare(REFUSE, "the owner of Manta's zones", &was.poseidon, &is.poseidon);
        let (before, now) = (was.services, is.services);
        self.compare(REFUSE, "SAPI's service postgres", &before.postgres, &now.postgres);
        self.compare(REFUSE, "SAPI's service moray", &before.moray, &now.moray);
    }

    /// Changes that others make to the ring do not matter, as long as they leave the inventory's shards alone.
    fn ring(&mut self, was: &Inventory, is: &Inventory, expected: &Expected) {
        let shards = &was.shards;
        let host = |name: &str| {
            let mut pnodes = was.ring.pnodes.iter().chain(&is.ring.pnodes);
            pnodes.find(|pnode| pnode.pnode == name).and_then(PnodeFacts::host)
        };
        let (was, is) = (&was.ring, &is.ring);
        match &expected.ring {
            Some(base) => self.compare(REFUSE, "the image of the ring", base, &is.image),
            None => self.compare(MENTION, "the image of the ring", &was.image, &is.image),
        }
        if was.hashing != is.hashing {
            self.add(REFUSE, "how the ring hashes keys", "another way", "this way");
        }
        self.compare(REFUSE, "the IMGAPI that has the ring", &was.imgapi, &is.imgapi);
        if was.image == is.image {
            self.compare(REFUSE, "the SHA-1 of the ring's image", &was.sha1, &is.sha1);
        }
        self.compare(REFUSE, "the vnodes of the ring", &was.vnode_count, &is.vnode_count);
        let owners = |ring: &'_ super::RingFacts| -> BTreeMap<String, crate::VnodeSet> {
            ring.pnodes.iter().map(|of| (of.pnode.clone(), of.vnodes.clone())).collect()
        };
        let (before, now) = (owners(was), owners(is));
        for name in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
            let matters = host(name).is_some_and(|host| is_among(shards, host));
            let severity = if matters { REFUSE } else { MENTION };
            let count = |of: Option<&crate::VnodeSet>| {
                of.map_or("none".to_owned(), |vnodes| vnodes.len().to_string())
            };
            match (before.get(name), now.get(name)) {
                (Some(before), Some(now)) if before == now => {}
                (Some(before), Some(now)) if before.len() == now.len() => {
                    let others =
                        format!("{}, {} of them others", now.len(), now.minus(before).len());
                    self.add(severity, format!("the vnodes of {name}"), before.len(), others);
                }
                (before, now) => {
                    self.add(severity, format!("the vnodes of {name}"), count(before), count(now));
                }
            }
        }
    }

    fn shards(&mut self, was: &Inventory, is: &Inventory, expected: &Expected) {
        self.compare(REFUSE, "the storage shard", &was.storage_shard, &is.storage_shard);
        let marlin = |of: &Inventory| of.marlin_shard.clone().unwrap_or("none".to_owned());
        self.compare(REFUSE, "the Marlin shard", &marlin(was), &marlin(is));
        if was.index_shards != is.index_shards {
            self.shard_list(was, is, expected);
        }
        let names = |of: &Inventory| -> BTreeSet<String> {
            of.shard_names.iter().map(ShardName::to_string).collect()
        };
        let (before, now) = (names(was), names(is));
        for name in now.difference(&before).filter(|name| !expected.shards.contains(*name)) {
            self.add(MENTION, format!("the shard {name}"), "unknown", "there");
        }
        for name in before.difference(&now) {
            self.add(MENTION, format!("the shard {name}"), "there", "gone");
        }
    }

    fn shard_list(&mut self, was: &Inventory, is: &Inventory, expected: &Expected) {
        let (Ok(before), Ok(now)) =
            (ShardList::parse(&was.index_shards), ShardList::parse(&is.index_shards))
        else {
            self.add(REFUSE, "INDEX_MORAY_SHARDS", &was.index_shards, &is.index_shards);
            return;
        };
        let hosts: BTreeSet<&str> =
            before.iter().chain(now.iter()).map(manta::Shard::host).collect();
        for host in hosts.into_iter().filter(|host| !expected.shards.contains(*host)) {
            let show = |list: &ShardList| {
                list.get(host).map_or("absent".to_owned(), |shard| {
                    Value::Object(shard.members().as_map().clone()).to_string()
                })
            };
            let severity = if is_among(&was.shards, host) { REFUSE } else { MENTION };
            let what = format!("{host} in INDEX_MORAY_SHARDS");
            self.compare(severity, what, &show(&before), &show(&now));
        }
    }

    /// The shards that the plan was made from. More of them now do not matter to it.
    fn inventoried(&mut self, was: &Inventory, is: &Inventory, expected: &Expected) {
        for (name, before) in &was.shards {
            match is.shards.get(name) {
                Some(now) => self.shard(name, before, now, expected),
                None => {
                    self.add(REFUSE, format!("the shard {name}"), "inventoried", "not inventoried");
                }
            }
        }
    }

    fn shard(&mut self, name: &ShardName, was: &ShardFacts, is: &ShardFacts, expected: &Expected) {
        self.compare(MENTION, format!("the generation of {name}"), &was.generation, &is.generation);
        self.compare(
            REFUSE,
            format!("PostgreSQL's version in {name}"),
            &was.postgres,
            &is.postgres,
        );
        let overrides = |of: &ShardFacts| {
            of.pg_config_overrides.as_ref().map_or("none".to_owned(), Value::to_string)
        };
        let what = format!("PG_CONFIG_OVERRIDES in {name}");
        self.compare(REFUSE, what, &overrides(was), &overrides(is));
        let grown = is.database_bytes.saturating_sub(was.database_bytes);
        if grown.saturating_mul(100) > was.database_bytes.saturating_mul(GROWTH) && grown > 1 << 30
        {
            let what = format!("the size of {name} in bytes");
            self.add(MENTION, what, was.database_bytes, is.database_bytes);
        }
        let peers = |of: &ShardFacts| -> Vec<ZoneFacts> {
            let of = of.peers.iter().map(|peer| peer.zone.clone());
            of.filter(|zone| !expected.zones.contains(&zone.place.zone)).collect()
        };
        self.zones(&format!("peer of {name}"), &peers(was), &peers(is), REFUSE);
        for peer in &was.peers {
            let same = |other: &&super::PeerFacts| other.zone.place == peer.zone.place;
            if let Some(now) = is.peers.iter().find(same) {
                let what = format!("the role of {}", peer.zone.alias);
                self.compare(MENTION, what, &peer.role, &now.role);
            }
        }
        self.zones(&format!("Moray of {name}"), &was.morays, &is.morays, MENTION);
        self.tables(&was.tables, &is.tables);
    }

    /// `changed` is the severity of zones that came or went.
    fn zones(&mut self, what: &str, was: &[ZoneFacts], is: &[ZoneFacts], changed: DriftSeverity) {
        let by = |zones: &[ZoneFacts]| -> BTreeMap<InstanceUuid, ZoneFacts> {
            zones.iter().map(|zone| (zone.place.zone, zone.clone())).collect()
        };
        let (before, now) = (by(was), by(is));
        for (uuid, zone) in &before {
            let Some(other) = now.get(uuid) else {
                self.add(changed, format!("the {what} {}", zone.alias), "there", "gone");
                continue;
            };
            let of = |member: &str| format!("the {member} of the {what} {}", zone.alias);
            self.compare(REFUSE, of("image"), &zone.image, &other.image);
            self.compare(MENTION, of("server"), &zone.place.server, &other.place.server);
            self.compare(MENTION, of("address"), &zone.ip, &other.ip);
            self.compare(MENTION, of("alias"), &zone.alias, &other.alias);
        }
        for (_, zone) in now.iter().filter(|(uuid, _)| !before.contains_key(*uuid)) {
            self.add(changed, format!("the {what} {}", zone.alias), "not there", "there");
        }
    }

    fn routers(&mut self, was: &[RouterFacts], is: &[RouterFacts]) {
        let zones = |of: &[RouterFacts]| -> Vec<ZoneFacts> {
            of.iter().map(|router| router.zone.clone()).collect()
        };
        // A new image of the routers changes nothing for a plan.
        let same_image = |mut zones: Vec<ZoneFacts>| {
            for zone in &mut zones {
                zone.image = sapi_client::ImageUuid::from(uuid::Uuid::nil());
            }
            zones
        };
        self.zones("router", &same_image(zones(was)), &same_image(zones(is)), REFUSE);
        for router in was {
            let Some(now) = is.iter().find(|other| other.uuid() == router.uuid()) else { continue };
            let names = |of: &RouterFacts| {
                let of: BTreeSet<String> = of
                    .instances
                    .iter()
                    .map(|of| format!("{} at {} with {}", of.instance, of.status_port, of.ring))
                    .collect();
                of.into_iter().collect::<Vec<_>>().join(", ")
            };
            let what = format!("what runs in {}", router.zone.alias);
            self.compare(REFUSE, what, &names(router), &names(now));
        }
    }

    fn servers(&mut self, was: &Inventory, is: &Inventory) {
        for server in &was.servers {
            let now = is.servers.iter().find(|other| other.uuid == server.uuid);
            let show = |usable: Option<bool>| match usable {
                Some(true) => "usable",
                Some(false) => "not usable",
                None => "gone",
            };
            let what = format!("the server {}", server.hostname);
            let (before, now) = (show(Some(server.usable)), show(now.map(|now| now.usable)));
            self.compare(MENTION, what, &before, &now);
        }
    }
}

fn is_among(shards: &BTreeMap<ShardName, ShardFacts>, host: &str) -> bool {
    shards.keys().any(|name| name.as_str() == host)
}

#[cfg(test)]
mod tests;
