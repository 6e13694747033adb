//! On which servers the new zones go.

use std::cmp::Reverse;
use std::collections::HashMap;

use sapi_client::{ImageUuid, ServerUuid};

use super::{NewZone, PlanError, Prediction, Request};
use crate::inventory::{Inventory, ServerFacts, ShardFacts};

/// Puts zones on servers, so that a shard's peers share none as long as there are enough, and the plan's zones are
/// spread evenly.
pub(super) struct Placing<'a> {
    servers: Vec<&'a ServerFacts>,
    taken: HashMap<ServerUuid, usize>,
    postgres_image: ImageUuid,
    moray_image: ImageUuid,
}

impl<'a> Placing<'a> {
    pub(super) fn new(
        request: &Request,
        inventory: &'a Inventory,
        source: &ShardFacts,
    ) -> Result<Self, PlanError> {
        let of_peer = source.peers.first().map(|peer| peer.zone.image);
        let of_moray = source.morays.first().map(|zone| zone.image);
        let postgres_image =
            request.postgres_image.or(of_peer).ok_or(PlanError::NoImage { what: "peer" })?;
        let moray_image =
            request.moray_image.or(of_moray).ok_or(PlanError::NoImage { what: "Moray zone" })?;
        let servers = if request.servers.is_empty() {
            chosen_servers(inventory, source)
        } else {
            asked_servers(request, inventory)?
        };
        if servers.is_empty() {
            return Err(PlanError::NoServer);
        }
        Ok(Self { servers, taken: HashMap::new(), postgres_image, moray_image })
    }

    /// The peers and the Moray zones of a new shard.
    pub(super) fn zones_of(
        &mut self,
        number: u32,
        request: &Request,
    ) -> Result<(Vec<NewZone>, Vec<NewZone>), PlanError> {
        let (postgres, moray) = (self.postgres_image, self.moray_image);
        let peers = self.place("postgres", number, request.layout.peers(), postgres)?;
        let morays = self.place("moray", number, request.morays_of_each() as usize, moray)?;
        Ok((peers, morays))
    }

    fn place(
        &mut self,
        service: &str,
        number: u32,
        count: usize,
        image: ImageUuid,
    ) -> Result<Vec<NewZone>, PlanError> {
        let mut here: HashMap<ServerUuid, usize> = HashMap::new();
        let mut zones = Vec::new();
        for index in 0..count {
            let fewest = self.servers.iter().min_by_key(|server| {
                let of_shard = here.get(&server.uuid).copied().unwrap_or(0);
                let of_plan = self.taken.get(&server.uuid).copied().unwrap_or(0);
                (of_shard, of_plan, Reverse(server.free_bytes))
            });
            let server = *fewest.ok_or(PlanError::NoServer)?;
            *here.entry(server.uuid).or_default() += 1;
            *self.taken.entry(server.uuid).or_default() += 1;
            zones.push(NewZone {
                role: format!("{service}/{number}/{index}"),
                server: server.uuid,
                datacenter: server.datacenter.clone(),
                image,
            });
        }
        Ok(zones)
    }
}

/// Usable servers in the source's datacenters; those without a peer of the source first.
fn chosen_servers<'a>(inventory: &'a Inventory, source: &ShardFacts) -> Vec<&'a ServerFacts> {
    let near: Vec<&str> =
        source.peers.iter().map(|peer| peer.zone.place.datacenter.as_str()).collect();
    let usable = inventory.servers.iter();
    let usable =
        usable.filter(|server| server.usable && near.contains(&server.datacenter.as_str()));
    let mut servers: Vec<&ServerFacts> = usable.collect();
    servers
        .sort_by_key(|server| (server.source_peers.len(), Reverse(server.free_bytes), server.uuid));
    servers
}

fn asked_servers<'a>(
    request: &Request,
    inventory: &'a Inventory,
) -> Result<Vec<&'a ServerFacts>, PlanError> {
    let find = |&server: &ServerUuid| {
        let problem = |problem| PlanError::Server { server, problem };
        let found = inventory.servers.iter().find(|facts| facts.uuid == server);
        let facts =
            found.ok_or_else(|| problem("unknown to CNAPI in all configured datacenters"))?;
        if facts.usable { Ok(facts) } else { Err(problem("not up, or not set up")) }
    };
    request.servers.iter().map(find).collect()
}

/// Checks that every server has room for what is put on it, where its room is known.
pub(super) fn check_room(inventory: &Inventory, prediction: &Prediction) -> Result<(), PlanError> {
    for &(server, needed) in &prediction.disk {
        let facts = inventory.servers.iter().find(|facts| facts.uuid == server);
        if let Some(free) = facts.and_then(|facts| facts.free_bytes)
            && free < needed
        {
            return Err(PlanError::NoRoom { server, free, needed });
        }
    }
    Ok(())
}
