//! The places of the region and the plan that a command is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use reshard_core::{Configuration, Deployment, SqliteJournal, create_private_directory};

use super::complete;
use super::error::{Error, Result};
use super::runnable::Runnable;

/// The environment variable that names the configuration.
const CONFIG_VARIABLE: &str = "RESHARD_CONFIG";
/// The place of the configuration if nobody says.
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
    pub(super) fn config(&self) -> &ConfigFile {
        &self.config
    }

    pub(super) async fn connect(&self) -> Result<Deployment> {
        Ok(Deployment::connect(Configuration::read(self.config.path())?).await?)
    }
}

/// A directory for what is downloaded.
#[derive(Args, Debug)]
pub(super) struct Cache {
    /// Directory that keeps images of rings [default: reshard in the user's cache, ~/.cache]
    #[arg(long = "cache", value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// A directory that can be written; one that nobody chose goes with it.
pub(super) struct CacheDirectory {
    path: PathBuf,
    _of_this_run: Option<tempfile::TempDir>,
}

impl Cache {
    /// The directory, made if it is not there.
    pub(super) fn open(&self) -> Result<CacheDirectory> {
        let Some(path) = self.directory.clone().or_else(user_cache) else {
            let of_this_run = tempfile::tempdir()?;
            let path = of_this_run.path().to_owned();
            return Ok(CacheDirectory { path, _of_this_run: Some(of_this_run) });
        };
        let made =
            create_private_directory(&path).and_then(|()| tempfile::tempfile_in(&path).map(drop));
        made.map_err(|source| Error::Cache { path: path.clone(), source })?;
        Ok(CacheDirectory { path, _of_this_run: None })
    }
}

impl CacheDirectory {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The user's own directory for what can be fetched again; absent for a user without a home.
fn user_cache() -> Option<PathBuf> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("reshard"))
}

/// The name of every argument that is a plan's file.
pub(super) const PLAN_ARGUMENT: &str = "plan";

/// A plan.
#[derive(Args, Debug)]
pub(super) struct PlanFile {
    /// The plan's file; `reshard plan new` writes one
    #[arg(add = complete::plans())]
    plan: PathBuf,
}

impl PlanFile {
    pub(super) fn open(&self) -> Result<Arc<SqliteJournal>> {
        Ok(Arc::new(SqliteJournal::open(&self.plan)?))
    }

    pub(super) fn path(&self) -> &Path {
        &self.plan
    }

    /// The plan's file, as it is typed.
    pub(super) fn typed(&self) -> String {
        Runnable::new(&self.plan, None).file().to_owned()
    }

    /// The plan's file, to look at.
    pub(super) fn look(&self) -> Result<SqliteJournal> {
        Ok(SqliteJournal::open_read_only(&self.plan)?)
    }
}
