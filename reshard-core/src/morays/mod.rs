//! Moray zones: what those of a new shard are given, whether they answer, and which requests a process is at.

mod processes;

use std::num::NonZeroUsize;
use std::time::Duration;

use manatee_client::ShardName;
use moray_client::ClientOptions;
use sapi_client::{Attributes, ServiceUuid};

pub(crate) use self::processes::LONGEST_CLAIM;
pub use self::processes::{
    MorayProcess, MorayZoneError, PendingWrites, moray_processes, pending_writes,
};
use crate::deployment::Deployment;
use crate::shards::membership;
use crate::zones::{TemplateError, shard_metadata};

/// The port of Moray.
pub const MORAY_PORT: u16 = 2020;
/// A bucket that every shard of the index has.
const BUCKET: &str = "manta";
/// A key that nobody uses: no account is called so.
const NO_KEY: &str = "/reshard/is-moray-there";
/// The longest that Moray may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The metadata of a Moray zone of a new shard: that of the source's, with the new shard's name. It holds secrets.
///
/// # Errors
///
/// [`TemplateError`]
pub async fn moray_metadata(
    deployment: &Deployment,
    moray: ServiceUuid,
    source: &ShardName,
    target: &ShardName,
    datacenter: &str,
) -> Result<Attributes, TemplateError> {
    let metadata = shard_metadata(deployment, moray, source, datacenter).await?;
    let mut members = membership(target);
    members.retain(|(key, _)| *key != "MANATEE_SHARD_PATH");
    Ok(members.into_iter().fold(metadata, |all, (key, value)| all.with(key, value)))
}

/// Tests whether Moray at this address answers out of its database: it looks for an object that is not there.
///
/// # Errors
///
/// The error that came instead.
pub async fn moray_answers(
    deployment: &Deployment,
    address: &str,
) -> Result<(), moray_client::Error> {
    let options = ClientOptions {
        connections: NonZeroUsize::MIN,
        request_timeout: TIMEOUT,
        connect_timeout: TIMEOUT,
        connect_patience: Duration::ZERO,
        ..ClientOptions::default()
    };
    let moray = deployment.objects().at(&format!("{address}:{MORAY_PORT}"), options);
    match moray.get(BUCKET, NO_KEY).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
