//! The checker, pointed at a running lab.

use std::path::Path;

use thiserror::Error;

use super::error::LabError;
use super::primary;
use crate::checker::{
    CheckError, CheckOptions, Databases, DatabasesError, History, Report, Rings, ShardAddress,
    WorldError, check, read_world,
};
use crate::directory::LabDirectory;
use crate::electric_moray::key::hashed;
use crate::layout::Layout;
use crate::load::log::LogError;
use crate::rings::{JournalError, Journals};
use crate::seed;

/// A failure to prove anything.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// It is not known which rings the routers have served.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It is not known whose databases Morays have served out of.
    #[error(transparent)]
    Databases(#[from] DatabasesError),
    /// A shard that the ring names is not one of the lab's.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A shard cannot be read.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The data that were read do not fit together.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// The rings that the routers of a lab have served, and when, as they wrote it down themselves.
///
/// # Errors
/// No router has served any, or what they wrote cannot be read.
pub fn rings_served(directory: &LabDirectory) -> Result<Rings, ProofError> {
    let rings = Rings::new(Journals::new(directory.rings()).read()?, hashed);
    Ok(rings.with_databases(Databases::read(&directory.databases())?))
}

/// Proves from the logs of loads and from the lab's shards what became of every write, and of the objects that the lab
/// was made with. Can be done at any moment; what is under way is then of unknown outcome.
///
/// # Errors
/// A shard, a log or what the routers wrote of their rings cannot be read.
pub async fn prove<P: AsRef<Path>>(
    layout: &Layout,
    directory: &LabDirectory,
    logs: impl IntoIterator<Item = P>,
    options: &CheckOptions,
) -> Result<Report, ProofError> {
    let mut journals = Journals::new(directory.rings());
    let rings = Rings::new(journals.read()?, hashed);
    if journals.has_killed() {
        // So that what they served was over when the shards are read, by clocks that may differ.
        tokio::time::sleep(options.clock_slack).await;
    }
    let mut shards: Vec<ShardAddress> = Vec::new();
    // Those that own nothing any more have ghosts.
    for pnode in rings.rings().iter().flat_map(|in_force| in_force.ring.pnodes()) {
        if shards.iter().any(|shard| shard.pnode == pnode.as_str()) {
            continue;
        }
        let name = pnode.as_str().trim_start_matches("tcp://");
        let shard = name.split(':').next().unwrap_or(name);
        match primary(layout, shard).await {
            Ok(address) => shards.push(ShardAddress::new(pnode.as_str(), address)),
            // It was made and rolled back. Whether it owned anything when the others are read is looked at later.
            Err(LabError::NoPrimary { .. }) if !rings.is_in_force(pnode) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Before the logs: what was read is then explained by what is in them.
    let world = read_world(&shards).await?;
    let mut history = History::default();
    let first = rings.rings().first().ok_or(CheckError::NoRing)?;
    for object in seed::objects(layout.options.seed, layout.options.objects, &first.ring) {
        // What no vnode decides the place of stays where it was.
        if matches!(object.bucket, "manta" | "manta_uploads") {
            history.add_seed_value(object.bucket, &object.key, &object.etag, &object.value);
        }
    }
    for log in logs {
        history.add_log(log.as_ref())?;
    }
    // Again: routers may have changed to another ring since, and Morays to another database.
    let rings = Rings::new(journals.read()?, hashed);
    let rings = rings.with_databases(Databases::read(&directory.databases())?);
    Ok(check(&history, &world, &rings, options)?)
}
