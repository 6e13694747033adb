//! `reshard-lab break` and `reshard-lab heal`.

use std::io::Write;

use crate::control::ControlClient;
use crate::{ApiFault, ApiName, Fault, FaultKind, JobFault, JobTask};
use clap::{Args, Subcommand, ValueEnum};
use command_line::output::Output;
use uuid::Uuid;

use super::complete;
use super::error::Result;
use super::running::{Running, zone_named};

/// Break something on purpose
///
/// Prints the number by which `reshard-lab heal` mends it. Zones are named as in `reshard-lab exec`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard-lab break primary 2
  reshard-lab break api sapi 500 --requests 3")]
pub(super) struct BreakArgs {
    #[command(flatten)]
    lab: Running,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Kill all processes of a zone at once, as by a power failure
    #[command(after_help = "Example:\n  reshard-lab break zone 1.postgres.lab")]
    Zone {
        /// The zone
        #[arg(add = complete::zones())]
        zone: String,
    },
    /// Kill the zone of a shard's primary
    #[command(after_help = "Example:\n  reshard-lab break primary 2")]
    Primary {
        /// The shard: its number, or its whole name
        shard: String,
    },
    /// Kill ZooKeeper
    #[command(after_help = "Example:\n  reshard-lab break zookeeper")]
    Zookeeper,
    /// Let a zone neither answer nor act: its processes stand still
    #[command(after_help = "Example:\n  reshard-lab break partition 1.postgres.lab")]
    Partition {
        /// The zone
        #[arg(add = complete::zones())]
        zone: String,
    },
    /// Let the processes of a zone run only some of the time
    #[command(after_help = "Example:\n  reshard-lab break slow 1.postgres.lab --percent 90")]
    Slow {
        /// The zone
        #[arg(add = complete::zones())]
        zone: String,
        /// Part of the time for which they stand still
        #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=99))]
        percent: u8,
    },
    /// Let everything that a zone writes fail, as on a full disk
    #[command(after_help = "Example:\n  reshard-lab break disk 1.postgres.lab")]
    Disk {
        /// The zone
        #[arg(add = complete::zones())]
        zone: String,
    },
    /// Let a standby receive, but not replay
    #[command(after_help = "Example:\n  reshard-lab break lag 1.postgres.lab")]
    Lag {
        /// The zone of the standby
        #[arg(add = complete::zones())]
        zone: String,
    },
    /// Let a compute node look dead to CNAPI; its zones go on
    #[command(
        after_help = "Example:\n  reshard-lab break server 44454c4c-0000-4000-8000-000000000001 --power"
    )]
    Server {
        /// The compute node
        server: Uuid,
        /// Cut its power: its zones are killed as well
        #[arg(long)]
        power: bool,
    },
    /// Let an API misbehave
    #[command(
        after_help = "Example:\n  reshard-lab break api sapi hang --method POST --path /instances"
    )]
    Api {
        /// The API
        #[arg(value_enum)]
        api: Api,
        /// The misbehaviour
        #[arg(value_enum)]
        how: How,
        /// Only for requests of this method
        #[arg(long)]
        method: Option<String>,
        /// Only for requests whose path begins so
        #[arg(long)]
        path: Option<String>,
        /// Let so many of these requests through first
        #[arg(long, default_value_t = 0)]
        after: u32,
        /// Only for so many requests
        #[arg(long)]
        requests: Option<u32>,
    },
    /// Flip bits in the file of an image
    #[command(
        after_help = "Example:\n  reshard-lab break image f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d"
    )]
    Image {
        /// The image
        image: Uuid,
    },
    /// Let VMAPI's next job of a kind fail
    #[command(after_help = "Example:\n  reshard-lab break job provision --message 'no room'")]
    Job {
        /// The kind of job
        #[arg(value_enum)]
        task: JobTask,
        /// The error of the job
        #[arg(long, default_value = "broken on purpose")]
        message: String,
    },
    /// Let VMAPI's jobs of a kind take longer
    #[command(after_help = "Example:\n  reshard-lab break slow-job provision --seconds 60")]
    SlowJob {
        /// The kind of job
        #[arg(value_enum)]
        task: JobTask,
        /// Seconds that they take longer
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Api {
    Sapi,
    Imgapi,
    Vmapi,
    Cnapi,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    /// Answer 500, and do nothing
    #[value(name = "500")]
    Error500,
    /// Answer 503, and do nothing
    #[value(name = "503")]
    Unavailable,
    /// Never answer
    Hang,
    /// Cut the connection, and do nothing
    CutBefore,
    /// Do it, and cut the connection without an answer
    CutAfter,
}

impl What {
    async fn fault(self, control: &ControlClient) -> Result<Fault> {
        let zones = control.zones().await?;
        let zone =
            |name: String| Ok::<_, super::error::Error>(zone_named(&zones, &name)?.spec.uuid);
        Ok(match self {
            Self::Zone { zone: name } => Fault::Kill { zone: zone(name)? },
            Self::Primary { shard } => {
                let layout = control.layout().await?;
                let shard = shard.parse().map_or(shard.clone(), |number| layout.shard_name(number));
                let primary = crate::primary(&layout, &shard).await?;
                Fault::Kill { zone: zone(primary.ip().to_string())? }
            }
            Self::Zookeeper => Fault::ZooKeeper,
            Self::Partition { zone: name } => Fault::Freeze { zone: zone(name)? },
            Self::Slow { zone: name, percent } => Fault::Slow { zone: zone(name)?, percent },
            Self::Disk { zone: name } => Fault::DiskFull { zone: zone(name)? },
            Self::Lag { zone: name } => Fault::Lag { zone: zone(name)? },
            Self::Api { api, how, method, path, after, requests } => {
                let kind = match how {
                    How::Error500 => FaultKind::Error500,
                    How::Unavailable => FaultKind::Unavailable503,
                    How::Hang => FaultKind::Hang,
                    How::CutBefore => FaultKind::CutBeforeActing,
                    How::CutAfter => FaultKind::CutAfterActing,
                };
                let api = match api {
                    Api::Sapi => ApiName::Sapi,
                    Api::Imgapi => ApiName::Imgapi,
                    Api::Vmapi => ApiName::Vmapi,
                    Api::Cnapi => ApiName::Cnapi,
                };
                Fault::Api { api, how: ApiFault { kind, method, path, after, requests } }
            }
            Self::Server { server, power: true } => Fault::Power { server },
            Self::Server { server, power: false } => Fault::Server { server },
            Self::SlowJob { task, seconds } => Fault::JobDelay { task, seconds },
            Self::Image { image } => Fault::Image { image },
            Self::Job { task, message } => {
                Fault::Job(JobFault { task, message, object: false, after_acting: false })
            }
        })
    }
}

impl BreakArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let control = self.lab.find().await?;
        let fault = self.what.fault(&control).await?;
        let active = control.cause(&fault).await?;
        writeln!(out, "{}: {}", active.id, active.fault)?;
        Ok(())
    }
}

/// Mend what was broken on purpose
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard-lab heal
  reshard-lab heal 3")]
pub(super) struct HealArgs {
    #[command(flatten)]
    lab: Running,
    /// The number of the fault [default: all]
    fault: Option<u64>,
}

impl HealArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let control = self.lab.find().await?;
        for healed in control.heal(self.fault).await? {
            writeln!(out, "healed {}: {}", healed.id, healed.fault)?;
        }
        Ok(())
    }
}
