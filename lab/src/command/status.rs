//! `reshard-lab status`.

use crate::ActiveFault;
use crate::control::{ServiceState, ZoneStatus};
use clap::Args;
use command_line::format::Format;
use command_line::output::Output;
use command_line::screen::Mood;
use command_line::table::Table;
use serde::Serialize;

use super::error::Result;
use super::running::Running;

/// Show what runs in the lab, and what is broken
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard-lab status")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    lab: Running,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Status {
    zones: Vec<ZoneStatus>,
    faults: Vec<ActiveFault>,
}

impl StatusArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let control = self.lab.find().await?;
        let status = Status { zones: control.zones().await?, faults: control.faults().await? };
        if self.output == Format::Json {
            out.json(&status)?;
            return Ok(());
        }
        let mut table = Table::new(["ZONE", "ALIAS", "ADDRESS", "STATE", "SERVICES"]);
        for zone in &status.zones {
            let uuid = zone.spec.uuid.to_string();
            let short = uuid.split('-').next().unwrap_or_default().to_owned();
            let address = zone.spec.address.to_string();
            let state = format!("{:?}", zone.state).to_lowercase();
            table.row([short, zone.spec.alias.clone(), address, state, services(zone)]);
        }
        out.table(table)?;
        for fault in &status.faults {
            let ActiveFault { since, fault, id } = fault;
            let heal = format_args!("reshard lab heal {id}");
            out.lines(Mood::Bad, &[format!("broken since {since:.0}: {fault} ({heal})")])?;
        }
        Ok(())
    }
}

/// The number of services that are online, and the names of the others.
fn services(zone: &ZoneStatus) -> String {
    let mut others =
        zone.services.iter().filter(|service| service.state != ServiceState::Online).peekable();
    let online = zone.services.len() - others.clone().count();
    let mut text = format!("{online} online");
    if others.peek().is_some() {
        let list = others.map(|service| {
            let name = service.fmri.rsplit('/').next().unwrap_or(&service.fmri);
            format!("{name} {:?}", service.state).to_lowercase()
        });
        text = format!("{text}; {}", list.collect::<Vec<_>>().join(", "));
    }
    text
}
