//! Where the region and the plan are that a command is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use reshard_core::{Configuration, Deployment, SqliteStore};

use super::error::Result;

/// The environment variable that names the configuration.
const CONFIG_VARIABLE: &str = "RESHARD_CONFIG";
/// Where the configuration is if nobody says.
const USUAL_CONFIG: &str = "reshard.toml";

/// The configuration's file.
#[derive(Args, Debug)]
pub(super) struct ConfigFile {
    /// The region's configuration, which tells where its services are; `reshard init` writes one
    #[arg(
        short,
        long,
        env = CONFIG_VARIABLE,
        value_name = "FILE",
        default_value = USUAL_CONFIG
    )]
    config: PathBuf,
}

impl ConfigFile {
    pub(super) fn path(&self) -> &Path {
        &self.config
    }

    /// The file, unless it is found without being said: where it usually is, or where the environment says.
    pub(super) fn said(&self) -> Option<&Path> {
        let of_environment = std::env::var_os(CONFIG_VARIABLE);
        let usual = of_environment.as_deref().unwrap_or(USUAL_CONFIG.as_ref());
        (self.config != *usual).then_some(&*self.config)
    }
}

/// The region.
#[derive(Args, Debug)]
pub(super) struct Region {
    #[command(flatten)]
    config: ConfigFile,
}

impl Region {
    pub(super) async fn connect(&self) -> Result<Deployment> {
        Ok(Deployment::connect(Configuration::read(self.config.path())?).await?)
    }
}

/// A directory for what is downloaded.
#[derive(Args, Debug)]
pub(super) struct Cache {
    /// Where images of rings are kept
    #[arg(long = "cache", value_name = "DIRECTORY", default_value = ".")]
    pub(super) directory: PathBuf,
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

    pub(super) fn path(&self) -> &Path {
        &self.plan
    }

    /// The plan's file, to look at.
    pub(super) fn look(&self) -> Result<SqliteStore> {
        Ok(SqliteStore::open_read_only(&self.plan)?)
    }
}
