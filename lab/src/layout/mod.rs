//! The parts of a lab: pure, from options to zones with addresses.

mod options;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

pub use self::options::Options;
use crate::address::AddressBlock;
use crate::role::Role;

/// A compute node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its name in CNAPI.
    pub uuid: Uuid,
    /// Its host name.
    pub hostname: String,
}

/// A zone, as it is provisioned. `zone.json` in its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneSpec {
    /// Its name everywhere: the VM's, and the SAPI instance's.
    pub uuid: Uuid,
    /// The alias of the VM.
    pub alias: String,
    /// Its purpose.
    pub role: Role,
    /// Its address.
    pub address: Ipv4Addr,
    /// The compute node it is on.
    pub server: Uuid,
    /// The image it was made from.
    pub image: Uuid,
    /// The shard that it belonged to when the lab was made. Later SAPI tells.
    pub shard: Option<u32>,
}

/// A service's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceImage {
    /// The role it is for.
    pub role: Role,
    /// Its name in IMGAPI.
    pub uuid: Uuid,
}

/// A lab as it was made. `lab.json` in its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The options it was made with.
    pub options: Options,
    /// Its addresses.
    pub block: AddressBlock,
    /// `lab`.
    pub region: String,
    /// `lab-1`.
    pub datacenter: String,
    /// `example.net`.
    pub dns_domain: String,
    /// The account that owns Manta's zones and ring images.
    pub poseidon: Uuid,
    /// The Manta application in SAPI.
    pub application: Uuid,
    /// The compute nodes.
    pub servers: Vec<Server>,
    /// The images of the services.
    pub images: Vec<ServiceImage>,
    /// The image of the first ring.
    pub ring_image: Uuid,
    /// The zones that are there from the beginning.
    pub zones: Vec<ZoneSpec>,
    /// The unprivileged user of all processes but the supervisor. `None`: whoever started the lab.
    pub run_as: Option<String>,
    /// The program, with its first arguments, that runs services: see [`crate::service::main`].
    pub program: Vec<PathBuf>,
    /// The directory of PostgreSQL's programs.
    pub postgresql: PathBuf,
    /// The lab's directory.
    pub directory: PathBuf,
    /// Ports of routers that some other program has on all addresses of this machine. See [`Layout::router_port`].
    #[serde(default)]
    pub taken_ports: BTreeSet<u16>,
}

/// The options ask for a lab that cannot be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// An option is out of its range.
    #[error("{option} is {value}: it can be {least} to {most}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// The value that was asked for.
        value: u64,
        /// The least that it can be.
        least: u64,
        /// The most that it can be.
        most: u64,
    },
    /// More zones of a role than there are addresses for.
    #[error("there is no address left for one more zone of {}", role.service())]
    NoAddress {
        /// The role.
        role: Role,
    },
}

/// The part of a layout that the machine decides.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The unprivileged user of all processes but the supervisor.
    pub run_as: Option<String>,
    /// The program, with its first arguments, that runs services.
    pub program: Vec<PathBuf>,
    /// The directory of PostgreSQL's programs.
    pub postgresql: PathBuf,
    /// The lab's directory.
    pub directory: PathBuf,
    /// Ports of routers that some other program has on all addresses.
    pub taken_ports: BTreeSet<u16>,
}

impl Layout {
    /// Lays out a lab. All its names are new.
    ///
    /// # Errors
    /// An option is out of its range.
    pub fn new(options: Options, block: AddressBlock, host: Host) -> Result<Self, LayoutError> {
        options.check()?;
        let servers = (0..options.servers)
            .map(|number| Server { uuid: Uuid::new_v4(), hostname: format!("server-{number}") })
            .collect();
        let images = Role::ALL.map(|role| ServiceImage { role, uuid: Uuid::new_v4() });
        let mut layout = Self {
            block,
            region: "lab".to_owned(),
            datacenter: "lab-1".to_owned(),
            dns_domain: "example.net".to_owned(),
            poseidon: Uuid::new_v4(),
            application: Uuid::new_v4(),
            servers,
            images: images.into(),
            ring_image: Uuid::new_v4(),
            zones: Vec::new(),
            run_as: host.run_as,
            program: host.program,
            postgresql: host.postgresql,
            directory: host.directory,
            taken_ports: host.taken_ports,
            options,
        };
        layout.add_zones()?;
        Ok(layout)
    }

    fn add_zones(&mut self) -> Result<(), LayoutError> {
        self.add(Role::Nameservice, None, 0)?;
        self.add(Role::Deployment, None, 0)?;
        self.add(Role::Webapi, None, 0)?;
        for router in 0..self.options.routers {
            self.add(Role::ElectricMoray, None, router)?;
        }
        for shard in 1..=self.options.shards {
            for peer in 0..self.options.peers {
                self.add(Role::Postgres, Some(shard), peer)?;
            }
            for moray in 0..self.options.morays {
                self.add(Role::Moray, Some(shard), moray)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, role: Role, shard: Option<u32>, number: u32) -> Result<(), LayoutError> {
        let taken: Vec<Ipv4Addr> = self.zones.iter().map(|zone| zone.address).collect();
        let address = self.block.next(role, &taken).ok_or(LayoutError::NoAddress { role })?;
        let uuid = Uuid::new_v4();
        let server = self.server(number).uuid;
        let image = self.image(role);
        let alias = self.alias(role, shard, uuid);
        self.zones.push(ZoneSpec { uuid, alias, role, address, server, image, shard });
        Ok(())
    }

    /// The compute node for the `number`th of something: they take turns.
    fn server(&self, number: u32) -> &Server {
        let index = number as usize % self.servers.len().max(1);
        #[expect(
            clippy::indexing_slicing,
            reason = "options have at least one server, checked in `new`"
        )]
        &self.servers[index]
    }

    /// The image of a role's service.
    pub fn image(&self, role: Role) -> Uuid {
        self.images.iter().find(|image| image.role == role).map_or(Uuid::nil(), |image| image.uuid)
    }

    /// The alias of a zone, in production's form.
    pub fn alias(&self, role: Role, shard: Option<u32>, uuid: Uuid) -> String {
        let service = role.service();
        let domain = self.domain();
        let short = format!("{:08x}", uuid.as_fields().0);
        match shard {
            Some(shard) => format!("{shard}.{service}.{domain}-{short}"),
            None => format!("{service}.{domain}-{short}"),
        }
    }

    /// `lab.example.net`.
    pub fn domain(&self) -> String {
        format!("{}.{}", self.region, self.dns_domain)
    }

    /// The name of a shard: `1.moray.lab.example.net`.
    pub fn shard_name(&self, shard: u32) -> String {
        format!("{shard}.moray.{}", self.domain())
    }

    /// The names of the shards that are there from the beginning, in order.
    pub fn shard_names(&self) -> impl Iterator<Item = String> {
        (1..=self.options.shards).map(|shard| self.shard_name(shard))
    }

    /// The port of the router process that production has on `port`: the same, unless another program of this machine
    /// has the port. Then it is 10,000 higher.
    pub fn router_port(&self, port: u16) -> u16 {
        if self.taken_ports.contains(&port) { port.saturating_add(10_000) } else { port }
    }

    /// The zones of a role that are there from the beginning.
    pub fn zones_of(&self, role: Role) -> impl Iterator<Item = &ZoneSpec> {
        self.zones.iter().filter(move |zone| zone.role == role)
    }

    /// ZooKeeper's address and port, as its clients want them.
    pub fn zookeeper(&self) -> String {
        let address = self
            .zones_of(Role::Nameservice)
            .next()
            .map_or(Ipv4Addr::LOCALHOST, |zone| zone.address);
        format!("{address}:{}", crate::address::ZOOKEEPER_PORT)
    }
}

#[cfg(test)]
impl Layout {
    /// A lab with the default options in a block of addresses, of which nothing is there.
    pub(crate) fn example(block: u8) -> Self {
        Self::new(Options::default(), AddressBlock::new(block), Host::default()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(options: Options) -> Result<Layout, LayoutError> {
        Layout::new(options, AddressBlock::new(0), Host::default())
    }

    #[test]
    fn the_default_is_two_shards_of_three_peers() {
        let layout = layout(Options::default()).unwrap();
        assert_eq!(layout.zones_of(Role::Postgres).count(), 6);
        assert_eq!(layout.zones_of(Role::Moray).count(), 2);
        assert_eq!(layout.zones_of(Role::ElectricMoray).count(), 2);
        let first = layout.zones_of(Role::Postgres).next().unwrap();
        let short = &first.uuid.to_string()[..8];
        assert_eq!(first.alias, format!("1.postgres.lab.example.net-{short}"));
        assert_eq!(layout.zookeeper(), "127.77.0.10:2181");
    }

    #[test]
    fn peers_of_a_shard_are_on_different_servers() {
        let layout = layout(Options::default()).unwrap();
        let mut servers: Vec<_> = layout
            .zones_of(Role::Postgres)
            .filter(|zone| zone.shard == Some(1))
            .map(|zone| zone.server)
            .collect();
        servers.sort_unstable();
        servers.dedup();
        assert_eq!(servers.len(), 3);
    }

    #[test]
    fn the_biggest_lab_has_an_address_for_every_zone_and_some_to_spare() {
        let options =
            Options { shards: 16, peers: 6, morays: 4, routers: 48, ..Options::default() };
        let mut layout = layout(options).unwrap();
        for role in [Role::ElectricMoray, Role::Postgres, Role::Moray] {
            for _ in 0..5 {
                layout.add(role, None, 0).unwrap();
            }
        }
        let mut addresses: Vec<_> = layout.zones.iter().map(|zone| zone.address).collect();
        let zones = addresses.len();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), zones);
        assert_eq!(layout.zones_of(Role::ElectricMoray).count(), 53);
    }

    #[test]
    fn options_have_ranges() {
        let error = layout(Options { shards: 17, ..Options::default() }).unwrap_err();
        assert_eq!(error.to_string(), "shards is 17: it can be 1 to 16");
    }

    #[test]
    fn a_layout_is_read_as_it_was_written() {
        let layout = layout(Options::default()).unwrap();
        let json = serde_json::to_string(&layout).unwrap();
        assert_eq!(serde_json::from_str::<Layout>(&json).unwrap(), layout);
    }
}
