//! The audit of all routers: does each have the ring that it should have?
//!
//! A ring's stamp tells the image that it came in, and the keys that a router is asked for show what it does. The
//! checksum of the ring's tables only hints: LevelDB may rewrite its tables whenever it opens them.

use std::path::Path;

use fash::{Ring, Stamp};
use futures_util::stream::{self, StreamExt};
use moray_client::ClientOptions;
use sapi_client::{ImageUuid, InstanceUuid};
use serde::Serialize;

use super::checksum::tables_checksum;
use super::sample::{Sampled, difference, sample_of};
use super::{AT_ONCE, Expected, RouterAddress, ask, overlooked};
use crate::causes::Chain;
use crate::clock::Clock;
use crate::deployment::Deployment;
use crate::inventory::{InstanceProbe, Stamped, probe_router};
use crate::rings::{RingError, read_directory};
use crate::routers::{Router, RouterError, list_routers};

/// Keys that are named in a problem.
const NAMED: usize = 2;

/// The ring that all routers should have.
#[derive(Clone, Debug)]
pub struct ReferenceRing {
    /// The ring.
    pub ring: Ring,
    /// Its image, as its stamp says.
    pub stamp: Option<ImageUuid>,
    /// The image that it was taken from, where that is known: images of manta-adm have no stamps.
    pub image: Option<ImageUuid>,
    /// The checksum of its tables; `None` if it has none.
    pub tables: Option<String>,
}

impl ReferenceRing {
    /// Reads it from a directory.
    ///
    /// # Errors
    ///
    /// [`RingError`]
    pub fn read(directory: &Path) -> Result<Self, RingError> {
        let (ring, stamp): (Ring, Option<Stamp>) = read_directory(directory)?;
        let stamp = stamp.and_then(|stamp| stamp.image_uuid.parse().ok());
        let tables = tables_checksum(directory)
            .map_err(|source| RingError::File { path: directory.to_owned(), source })?;
        Ok(Self { ring, stamp, image: stamp, tables })
    }
}

/// The findings at all routers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoutersAudit {
    /// The image in the reference's stamp.
    pub stamp: Option<ImageUuid>,
    /// The checksum of the reference's tables.
    pub tables: Option<String>,
    /// The number of keys that every process was asked for.
    pub keys: usize,
    /// Shards of which no keys were asked for, and why.
    pub unknown: Vec<String>,
    /// Every electric-moray process; a zone that cannot be looked into is one without a name.
    pub instances: Vec<InstanceAudit>,
}

/// The findings at an electric-moray process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InstanceAudit {
    /// Its zone's alias.
    pub router: String,
    /// Its zone.
    pub zone: Option<InstanceUuid>,
    /// Its SMF instance.
    pub instance: String,
    /// SMF's state of it.
    pub state: String,
    /// The image in its ring's stamp.
    pub stamp: Option<ImageUuid>,
    /// The checksum of its ring's tables.
    pub tables: Option<String>,
    /// Keys that it routes as the reference does.
    pub right: usize,
    /// In what it differs from the reference, or why that is not known.
    pub problems: Vec<String>,
    /// Things worth knowing that are no proof of a difference.
    pub notes: Vec<String>,
}

impl RoutersAudit {
    /// Tells whether every process has the ring.
    pub fn is_sound(&self) -> bool {
        self.instances.iter().all(|instance| instance.problems.is_empty())
    }
}

/// Audits all routers: for each of their processes the stamp and the tables of its ring, the shards that it has opened, and how
/// it routes keys that are there: `sample` of every shard, and as many of the vnodes that the ring marks read-only. Nothing
/// is changed. `on_progress` is told how many of the routers are done.
///
/// # Errors
///
/// [`RouterError`] if the routers cannot be listed. What a router does not tell is one of its problems.
pub async fn audit_routers(
    deployment: &Deployment,
    reference: &ReferenceRing,
    sample: usize,
    clock: &dyn Clock,
    on_progress: &(dyn Fn(usize, usize) + Send + Sync),
) -> Result<RoutersAudit, RouterError> {
    let routers = list_routers(deployment).await?;
    let (mut keys, mut unknown) = (Vec::new(), Vec::new());
    for pnode in reference.ring.pnodes() {
        let pnode = pnode.to_string();
        match sample_of(deployment, reference, &pnode, sample).await {
            Ok(sampled) => keys.extend(sampled),
            Err(error) => unknown.push(format!("no keys of {pnode}: {}", Chain(&error))),
        }
    }
    let mut instances = Vec::new();
    for (done, router) in routers.iter().enumerate() {
        on_progress(done, routers.len());
        instances.extend(audit_zone(deployment, router, reference, &keys, clock).await);
    }
    let (stamp, tables) = (reference.stamp, reference.tables.clone());
    Ok(RoutersAudit { stamp, tables, keys: keys.len(), instances, unknown })
}

async fn audit_zone(
    deployment: &Deployment,
    router: &Router,
    reference: &ReferenceRing,
    keys: &[Sampled],
    clock: &dyn Clock,
) -> Vec<InstanceAudit> {
    let zone = |problem: String| {
        let audit = InstanceAudit {
            router: router.alias.clone(),
            zone: Some(router.place.zone),
            problems: vec![problem],
            ..InstanceAudit::default()
        };
        vec![audit]
    };
    if !router.running {
        return zone("its zone does not run".to_owned());
    }
    let probe = match probe_router(deployment, &router.place, &router.ip, clock).await {
        Ok(probe) => probe,
        Err(error) => return zone(format!("cannot be looked into: {}", Chain(&error))),
    };
    if probe.instances.is_empty() {
        return zone("has no electric-moray at all".to_owned());
    }
    let mut audited = Vec::new();
    for seen in &probe.instances {
        let mut audit = judged(router, seen, reference);
        if seen.state == "online" {
            route(deployment, router, seen, keys, &mut audit).await;
        }
        audited.push(audit);
    }
    audited
}

/// Judges as far as can be told without asking for keys.
fn judged(router: &Router, seen: &InstanceProbe, reference: &ReferenceRing) -> InstanceAudit {
    let mut audit = InstanceAudit {
        router: router.alias.clone(),
        zone: Some(router.place.zone),
        instance: seen.instance.clone(),
        state: seen.state.clone(),
        stamp: seen.stamp.image(),
        tables: seen.tables.clone(),
        ..InstanceAudit::default()
    };
    if seen.state != "online" {
        audit.problems.push(format!("it is {}", seen.state));
    }
    match (seen.stamp, reference.stamp) {
        (Stamped::Unreadable, _) => audit.problems.push("its stamp cannot be read".to_owned()),
        (Stamped::Image(is), Some(should)) if is != should => {
            audit.problems.push(format!("its ring is the image {is}, not {should}"));
        }
        (Stamped::Not, Some(should)) => {
            audit.problems.push(format!("its ring has no stamp, and should be the image {should}"));
        }
        (Stamped::Image(is), None) if reference.image.is_some_and(|image| image != is) => {
            audit.problems.push(format!("its ring is the image {is}, which is another"));
        }
        (Stamped::Image(is), None) => {
            audit.notes.push(format!("its ring has the stamp {is}, the reference has none"));
        }
        (Stamped::Image(_), Some(_)) | (Stamped::Not, None) => {}
    }
    if audit.tables != reference.tables {
        audit.notes.push("its tables are not those of the reference; LevelDB rewrites them".into());
    }
    match &seen.status {
        None => audit.problems.push("it does not tell its status".to_owned()),
        Some(status) => {
            let sorted = |mut pnodes: Vec<String>| {
                pnodes.sort_unstable();
                pnodes
            };
            let opened = sorted(status.client_list.clone());
            let should = reference.ring.pnodes().iter().map(ToString::to_string).collect();
            if opened != sorted(should) {
                audit.problems.push(format!("it has opened other shards: {}", opened.join(", ")));
            }
        }
    }
    audit
}

/// Asks a process for all keys.
async fn route(
    deployment: &Deployment,
    router: &Router,
    seen: &InstanceProbe,
    keys: &[Sampled],
    audit: &mut InstanceAudit,
) {
    let address = format!("{}:{}", router.ip, seen.port);
    let name = format!("{} {}", router.alias, seen.instance);
    let client = deployment.objects().at(&address, ClientOptions::default());
    let address = RouterAddress { name, address };
    let mut answers = stream::iter(keys)
        .map(|sampled| {
            let expected = Expected { key: sampled.key.clone(), pnode: sampled.pnode.clone() };
            let answer = ask(&address, &*client, expected);
            async move { (sampled, answer.await) }
        })
        .buffered(AT_ONCE);
    let (mut wrong, mut not_found) = (Vec::new(), Vec::new());
    while let Some((sampled, answer)) = answers.next().await {
        match answer {
            Err(error) => {
                audit.problems.push(Chain(&error).to_string());
                return;
            }
            Ok((expected, None)) => not_found.push(expected),
            Ok((_, Some(node))) => match difference(sampled, node.as_ref()) {
                None => audit.right += 1,
                Some(difference) => wrong.push(difference),
            },
        }
    }
    if !wrong.is_empty() {
        let count = wrong.len();
        wrong.truncate(NAMED);
        let text =
            format!("it routes {count} of {} keys wrongly: {}", keys.len(), wrong.join("; "));
        audit.problems.push(text);
    }
    match overlooked(deployment, &address, &*client, &not_found).await {
        Ok(keys) if keys.is_empty() => {}
        Ok(keys) => {
            let named: Vec<_> = keys.iter().take(NAMED).map(|key| key.key.as_str()).collect();
            let (count, named) = (keys.len(), named.join(", "));
            audit.problems.push(format!("it does not find {count} keys: {named}"));
        }
        Err(error) => audit.problems.push(Chain(&error).to_string()),
    }
}
