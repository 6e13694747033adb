//! The faults that can be caused in a lab on purpose, and healed again.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::triton::http::{ApiFault, ApiName};
use crate::triton::vmapi::{JobFault, JobTask};

/// Something that is broken on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// All processes of a zone are killed at once, as by a power failure. Healing boots it.
    Kill {
        /// The zone.
        zone: Uuid,
    },
    /// No process of a zone gets to run: it neither answers nor acts, as when its network and everything on it hang.
    /// ZooKeeper gives it up when its session times out. Healing lets all go on.
    Freeze {
        /// The zone.
        zone: Uuid,
    },
    /// The processes of a zone get to run only some of the time.
    Slow {
        /// The zone.
        zone: Uuid,
        /// The part of the time for which they stand still, in percent: 1 to 99.
        percent: u8,
    },
    /// Whatever a zone writes fails, as on a full disk.
    DiskFull {
        /// The zone.
        zone: Uuid,
    },
    /// A standby receives what its upstream sends, but does not replay it.
    Lag {
        /// The zone of the standby.
        zone: Uuid,
    },
    /// ZooKeeper is killed. Healing starts it with the data that it had.
    ZooKeeper,
    /// A compute node does not answer: CNAPI says so, and runs nothing there. Its zones go on.
    Server {
        /// The compute node.
        server: Uuid,
    },
    /// A compute node loses its power: all its zones that run are killed, and CNAPI gets no answer from it. Healing boots the
    /// zones.
    Power {
        /// The compute node.
        server: Uuid,
    },
    /// An API misbehaves.
    Api {
        /// The API.
        api: ApiName,
        /// The way in which it misbehaves, and when.
        how: ApiFault,
    },
    /// The file of an image has flipped bits. Healing flips them back.
    Image {
        /// The image.
        image: Uuid,
    },
    /// The next job of VMAPI for a task fails.
    Job(JobFault),
    /// VMAPI's jobs for a task take longer. Healing lets those go on that wait.
    JobDelay {
        /// The task.
        task: JobTask,
        /// So much longer than usual.
        seconds: u32,
    },
}

impl Fault {
    /// Tells whether two faults break the same, so that healing one would undo the other.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        self.subject() == other.subject()
    }

    /// The zone that it is in.
    pub(crate) fn zone(&self) -> Option<Uuid> {
        match self {
            Self::Kill { zone }
            | Self::Freeze { zone }
            | Self::Slow { zone, .. }
            | Self::DiskFull { zone }
            | Self::Lag { zone } => Some(*zone),
            Self::ZooKeeper
            | Self::Server { .. }
            | Self::Power { .. }
            | Self::Api { .. }
            | Self::Image { .. }
            | Self::Job(_)
            | Self::JobDelay { .. } => None,
        }
    }

    /// The broken thing: its kind, and which one of that kind.
    fn subject(&self) -> (&'static str, String) {
        match self {
            Self::Kill { zone } | Self::Freeze { zone } | Self::Slow { zone, .. } => {
                ("processes", zone.to_string())
            }
            Self::DiskFull { zone } => ("disk", zone.to_string()),
            Self::Lag { zone } => ("replay", zone.to_string()),
            Self::ZooKeeper => ("zookeeper", String::new()),
            Self::Server { server } | Self::Power { server } => ("server", server.to_string()),
            Self::Api { api, .. } => ("api", api.to_string()),
            Self::Image { image } => ("image", image.to_string()),
            Self::Job(job) => ("job", format!("{job:?}")),
            Self::JobDelay { task, .. } => ("job-delay", task.to_string()),
        }
    }
}

/// A fault that was caused and not healed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// By what it is healed.
    pub id: u64,
    /// The time at which it was caused.
    pub since: jiff::Timestamp,
    /// The fault itself.
    #[serde(flatten)]
    pub fault: Fault,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { zone } => write!(f, "zone {zone} is killed"),
            Self::Freeze { zone } => write!(f, "zone {zone} is frozen"),
            Self::Slow { zone, percent } => {
                write!(f, "zone {zone} stands still {percent} % of the time")
            }
            Self::DiskFull { zone } => write!(f, "the disk of zone {zone} is full"),
            Self::Lag { zone } => write!(f, "the standby in zone {zone} replays nothing"),
            Self::ZooKeeper => f.write_str("ZooKeeper is killed"),
            Self::Server { server } => write!(f, "compute node {server} does not answer"),
            Self::Power { server } => write!(f, "compute node {server} has no power"),
            Self::Api { api, how } => write!(f, "{api} {how}"),
            Self::Image { image } => write!(f, "the file of image {image} is corrupt"),
            Self::Job(JobFault { task, message, .. }) => {
                write!(f, "the next job to {task} fails: {message}")
            }
            Self::JobDelay { task, seconds } => {
                write!(f, "jobs to {task} take {seconds} s longer")
            }
        }
    }
}
