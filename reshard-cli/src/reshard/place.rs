//! Where the region and the plan are that a command is about.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use reshard_core::{Configuration, Deployment, SqliteStore};

use super::error::Result;

/// The region.
#[derive(Args, Debug)]
pub(super) struct Region {
    /// The file that tells where the region's services are; `reshard init` writes one
    #[arg(
        short,
        long,
        env = "RESHARD_CONFIG",
        value_name = "FILE",
        default_value = "reshard.toml"
    )]
    config: PathBuf,
}

impl Region {
    pub(super) async fn connect(&self) -> Result<Deployment> {
        Ok(Deployment::connect(Configuration::read(&self.config)?).await?)
    }
}

/// A plan.
#[derive(Args, Debug)]
pub(super) struct PlanFile {
    /// The plan's file; `reshard plan new` writes one
    plan: PathBuf,
}

impl PlanFile {
    pub(super) fn open(&self) -> Result<Arc<SqliteStore>> {
        Ok(Arc::new(SqliteStore::open(&self.plan)?))
    }
}
