//! The errors of work on zones.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use uuid::Uuid;

use crate::messages::ZoneState;
use crate::role::Role;

/// The reason for which something could not be done with a zone.
#[derive(Debug, Error)]
pub(crate) enum ZoneError {
    /// There is no zone of this name.
    #[error("there is no zone {zone}")]
    Unknown {
        /// The name.
        zone: Uuid,
    },
    /// There is no compute node of this name.
    #[error("there is no server {server}")]
    UnknownServer {
        /// The name.
        server: Uuid,
    },
    /// There is such a zone already.
    #[error("there is a zone {zone} already")]
    Exists {
        /// The zone.
        zone: Uuid,
    },
    /// It is in a state in which this cannot be done.
    #[error("zone {zone} is {}", state_name(*.state))]
    State {
        /// The zone.
        zone: Uuid,
        /// Its state.
        state: ZoneState,
    },
    /// A pattern that no SMF instance of the zone matches, in `svcadm`'s words.
    #[error("Pattern '{pattern}' doesn't match any instances")]
    NoInstance {
        /// The pattern.
        pattern: String,
    },
    /// A pattern that could mean several SMF instances, in `svcadm`'s words.
    #[error("Pattern '{pattern}' matches multiple instances:\n\t{}", .instances.join("\n\t"))]
    Ambiguous {
        /// The pattern.
        pattern: String,
        /// The instances that it matches.
        instances: Vec<String>,
    },
    /// All addresses of a role are taken.
    #[error("there is no address left for one more zone of {}", .role.service())]
    NoAddress {
        /// The role.
        role: Role,
    },
    /// A file of the lab could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// The action that was to be done with it.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The user that the lab's processes run as is not there.
    #[error("cannot run processes as {user}")]
    Account {
        /// Its name.
        user: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A command could not be started in the zone.
    #[error("cannot run a command in {place}")]
    Enter {
        /// The zone, or `server:UUID` for a global zone.
        place: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A service does not come to rest: it neither runs nor is it down.
    #[error("service {fmri} of zone {zone} neither runs nor is down after {seconds} s")]
    Unsettled {
        /// The zone.
        zone: Uuid,
        /// The service.
        fmri: String,
        /// The time for which it was waited.
        seconds: u64,
    },
    /// A zone's setup at its first boot failed.
    #[error("the setup of zone {zone} failed while it was to {step}")]
    Setup {
        /// The zone.
        zone: Uuid,
        /// The step that was being done.
        step: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ZoneError {
    /// For `map_err`: a file could not be read, written, made …
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err`: a step of a zone's setup failed.
    pub(super) fn setup<E>(zone: Uuid, step: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let step = step.into();
        move |source| Self::Setup { zone, step, source: source.into() }
    }
}

fn state_name(state: ZoneState) -> &'static str {
    match state {
        ZoneState::Provisioning => "being provisioned",
        ZoneState::Running => "running",
        ZoneState::Stopped => "stopped",
        ZoneState::Failed => "failed",
        ZoneState::Destroyed => "destroyed",
    }
}
