//! `reshard lab status`.

use std::io::Write;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use lab::control::{ServiceState, ZoneStatus};
use serde::Serialize;

use super::running::Running;
use crate::output::Output;
use crate::reshard::error::Result;
use crate::reshard::format::Format;

/// What runs in the lab, and what is broken
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    lab: Running,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Serialize)]
struct Status {
    zones: Vec<ZoneStatus>,
    faults: Vec<lab::ActiveFault>,
}

impl StatusArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let control = self.lab.find().await?;
        let status = Status { zones: control.zones().await?, faults: control.faults().await? };
        if self.output.is_json() {
            out.json(&status)?;
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["ZONE", "ALIAS", "ADDRESS", "STATE", "SERVICES"]);
        for zone in &status.zones {
            let uuid = zone.spec.uuid.to_string();
            let state = format!("{:?}", zone.state).to_lowercase();
            let short = uuid.split('-').next().unwrap_or_default().to_owned();
            table.add_row([
                short,
                zone.spec.alias.clone(),
                zone.spec.address.to_string(),
                state,
                services(zone),
            ]);
        }
        writeln!(out, "{}", table.trim_fmt())?;
        for fault in &status.faults {
            writeln!(
                out,
                "broken since {}: {} (reshard lab heal {})",
                fault.since, fault.fault, fault.id
            )?;
        }
        Ok(())
    }
}

/// How many services are online, and which are not.
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
