//! The checker, pointed at a running lab.

use std::path::{Path, PathBuf};

use fash::{Ring, RingReader, StoreError};
use thiserror::Error;

use super::error::LabError;
use super::primary;
use crate::checker::{
    CheckError, CheckOptions, History, Report, Rings, ShardAddress, WorldError, check, read_world,
};
use crate::directory::LabDirectory;
use crate::electric_moray::key::hashed;
use crate::layout::{Layout, Role};
use crate::load::log::LogError;
use crate::seed;

/// Why nothing is proven.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// No router has a ring.
    #[error("cannot read the ring of a router at {}", path.display())]
    Ring {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: StoreError,
    },
    /// The layout has no router.
    #[error("the lab has no router")]
    NoRouter,
    /// A shard that the ring names is not one of the lab's.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A shard cannot be read.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What was read does not fit together.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// The ring that the first router of a lab has now.
///
/// # Errors
/// There is no router, or it has no ring.
pub fn ring_in_use(layout: &Layout, directory: &LabDirectory) -> Result<Ring, ProofError> {
    let router = layout.zones_of(Role::ElectricMoray).next().ok_or(ProofError::NoRouter)?;
    let path = directory.in_zone(router.uuid, "/electric-moray/chash/leveldb-2021");
    let read = RingReader::open_live(&path).and_then(|reader| reader.load());
    read.map_err(|source| ProofError::Ring { path, source })
}

/// Proves from the logs of loads and from the lab's shards what became of every write, and of the objects that the lab
/// was made with. Can be done at any moment; what is under way is then of unknown outcome.
///
/// # Errors
/// A shard, a log or a router's ring cannot be read.
pub async fn prove<P: AsRef<Path>>(
    layout: &Layout,
    directory: &LabDirectory,
    logs: impl IntoIterator<Item = P>,
    options: &CheckOptions,
) -> Result<Report, ProofError> {
    let ring = ring_in_use(layout, directory)?;
    let mut shards = Vec::new();
    for pnode in ring.pnodes() {
        let name = pnode.as_str().trim_start_matches("tcp://");
        let shard = name.split(':').next().unwrap_or(name);
        shards.push(ShardAddress::new(pnode.as_str(), primary(layout, shard).await?));
    }
    // Before the logs: what was read is then explained by what is in them.
    let world = read_world(&shards).await?;
    let mut history = History::default();
    for object in seed::objects(layout.options.seed, layout.options.objects, &ring) {
        // What no vnode decides the place of stays where it was.
        if matches!(object.bucket, "manta" | "manta_uploads") {
            history.add_seed_value(object.bucket, &object.key, &object.etag, &object.value);
        }
    }
    for log in logs {
        history.add_log(log.as_ref())?;
    }
    Ok(check(&history, &world, &Rings::always(ring, hashed), options)?)
}
