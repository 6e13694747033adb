//! Finding a lab that runs, and zones in it.

use crate::AddressBlock;
use crate::control::{ControlClient, ZoneStatus};
use clap::Args;
use command_line::unknown::Unknown;

use super::error::{Error, Result};

/// The running lab that a command is about.
#[derive(Args, Debug)]
pub(super) struct Running {
    /// The lab at the addresses 127.77.BLOCK.x [default: the one that runs]
    #[arg(long, env = "RESHARD_LAB")]
    block: Option<u8>,
}

impl Running {
    /// The control of the lab that was meant.
    pub(super) async fn find(&self) -> Result<ControlClient> {
        if let Some(block) = self.block {
            return Ok(client(AddressBlock::new(block)));
        }
        match *crate::running().await {
            [] => Err(Error::NoLab),
            [block] => Ok(client(block)),
            ref several => Err(Error::SeveralLabs {
                blocks: several
                    .iter()
                    .map(|block| block.number().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}

/// The aliases of the zones of the lab that runs.
pub(super) async fn zone_aliases() -> Option<Vec<String>> {
    let &[block] = &*crate::running().await else { return None };
    let zones = client(block).zones().await.ok()?;
    Some(zones.into_iter().map(|zone| zone.spec.alias).collect())
}

fn client(block: AddressBlock) -> ControlClient {
    ControlClient::new(&format!("http://{}", block.control()))
}

/// The zone that was meant by a UUID or the beginning of one, an alias or the beginning of one, or an address.
pub(super) fn zone_named<'a>(zones: &'a [ZoneStatus], name: &str) -> Result<&'a ZoneStatus> {
    let exactly = |zone: &&ZoneStatus| {
        zone.spec.uuid.to_string() == name
            || zone.spec.alias == name
            || zone.spec.address.to_string() == name
    };
    if let Some(zone) = zones.iter().find(exactly) {
        return Ok(zone);
    }
    let begins = |zone: &&ZoneStatus| {
        zone.spec.uuid.to_string().starts_with(name) || zone.spec.alias.starts_with(name)
    };
    let mut found = zones.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(zone), None) => Ok(zone),
        (None, _) => {
            let aliases = zones.iter().map(|zone| zone.spec.alias.as_str());
            Err(Unknown::new("zone", name, aliases).into())
        }
        (Some(one), Some(other)) => Err(Error::SeveralZones {
            name: name.to_owned(),
            one: one.spec.alias.clone(),
            other: other.spec.alias.clone(),
        }),
    }
}
