//! The addresses that a lab takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::role::Role;

/// The 256 addresses `127.77.B.x` of one lab. Several labs on a machine take different blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressBlock(u8);

/// The port of every emulated Triton API: production's 80 needs privileges.
pub(crate) const API_PORT: u16 = 8080;
/// The port of the control API.
pub(crate) const CONTROL_PORT: u16 = 7700;
/// The port of ZooKeeper.
pub(crate) const ZOOKEEPER_PORT: u16 = 2181;

impl AddressBlock {
    /// The block of the addresses `127.77.block.x`.
    pub const fn new(block: u8) -> Self {
        Self(block)
    }

    /// Its number, the third part of its addresses.
    pub const fn number(self) -> u8 {
        self.0
    }

    const fn at(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 77, self.0, host)
    }

    /// Tells whether an address is one of its own.
    pub(crate) fn has(self, address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(ip) if ip.octets()[..3] == self.at(0).octets()[..3])
    }

    /// The address at which the lab itself is controlled.
    pub const fn control(self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(self.at(1), CONTROL_PORT))
    }

    /// The address of SAPI.
    pub const fn sapi(self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(self.at(2), API_PORT))
    }

    /// The address of IMGAPI.
    pub const fn imgapi(self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(self.at(3), API_PORT))
    }

    /// The address of VMAPI.
    pub const fn vmapi(self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(self.at(4), API_PORT))
    }

    /// The address of CNAPI.
    pub const fn cnapi(self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(self.at(5), API_PORT))
    }

    /// The first address of a role's ranges that is not in `taken`. `None` when there is none left.
    pub fn next(self, role: Role, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        // The second range came later: addresses that kept labs have stay what they are.
        let ranges: &[RangeInclusive<u8>] = match role {
            Role::Nameservice => &[10..=10],
            Role::Deployment => &[11..=11],
            Role::Webapi => &[12..=19],
            Role::ElectricMoray => &[20..=39, 220..=254],
            Role::Postgres => &[40..=149],
            Role::Moray => &[150..=219],
        };
        let hosts = ranges.iter().cloned().flatten();
        hosts.map(|host| self.at(host)).find(|address| !taken.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_ranges_of_their_own() {
        let block = AddressBlock::new(3);
        let first = block.next(Role::Postgres, &[]).unwrap();
        assert_eq!(first, Ipv4Addr::new(127, 77, 3, 40));
        assert_eq!(block.next(Role::Postgres, &[first]), Some(Ipv4Addr::new(127, 77, 3, 41)));
        let nameservice = block.next(Role::Nameservice, &[]).unwrap();
        assert_eq!(block.next(Role::Nameservice, &[nameservice]), None);
        assert_eq!(block.control().to_string(), "127.77.3.1:7700");
    }
}
