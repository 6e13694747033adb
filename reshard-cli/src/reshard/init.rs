//! `reshard init`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use reshard_core::{Configuration, DEPLOYMENT_ZONE_CONFIGURATION, DeploymentZone};
use sapi_client::BaseUrl;

use super::error::{Error, Result};
use super::place::ConfigFile;
use crate::output::{Output, say};

/// The first line of a configuration file.
const WRITTEN_BY: &str = "# Where the services of a region are; written by `reshard init`.";

/// Write the configuration file, by asking SAPI where everything is
///
/// In Manta's deployment zone nothing has to be said: its configuration names SAPI.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard init
  reshard init http://sapi.coal.joyent.us --config coal.toml")]
pub(super) struct InitArgs {
    /// SAPI's URL [default: the deployment zone's]
    sapi: Option<BaseUrl>,
    /// The configuration of Manta's deployment zone
    #[arg(long, value_name = "FILE", default_value = DEPLOYMENT_ZONE_CONFIGURATION)]
    deployment_zone: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
    /// Print it and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl InitArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let zone = if self.deployment_zone.exists() {
            DeploymentZone::read(&self.deployment_zone)?
        } else {
            DeploymentZone::default()
        };
        let path = || self.deployment_zone.display().to_string();
        let sapi = self.sapi.clone().or_else(|| zone.sapi.clone());
        let sapi = sapi.ok_or_else(|| Error::NoSapi { path: path() })?;
        let found = Configuration::discover(&sapi, &zone).await?;
        let text = format!("{WRITTEN_BY}\n{}", found.to_toml());
        if self.dry_run {
            return Ok(out.write_all(text.as_bytes())?);
        }
        write_new(self.config.path(), &text)?;
        say(format_args!(
            "Written to {}; `reshard shards` shows what it leads to.",
            self.config.path().display()
        ));
        Ok(())
    }
}

/// Writes a file that must not be there yet, wholly or not at all.
fn write_new(path: &std::path::Path, text: &str) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(std::path::Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(directory)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    draft.persist_noclobber(path).map_err(|error| {
        if error.error.kind() == std::io::ErrorKind::AlreadyExists {
            return Error::Exists { path: path.display().to_string() };
        }
        error.error.into()
    })?;
    Ok(std::fs::File::open(directory)?.sync_all()?)
}
