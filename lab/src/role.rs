//! Purposes of zones.

use serde::{Deserialize, Serialize};

/// The purpose of a zone. Written as SAPI names the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// ZooKeeper.
    Nameservice,
    /// A peer of a shard: sitter, PostgreSQL, backup server.
    Postgres,
    /// Moray of one shard.
    Moray,
    /// The router.
    ElectricMoray,
    /// The tools of muskie.
    Webapi,
    /// Manta's deployment zone.
    Deployment,
}

impl Role {
    /// Every role, in the order in which their services are made.
    pub const ALL: [Self; 6] = [
        Self::Nameservice,
        Self::Postgres,
        Self::Moray,
        Self::ElectricMoray,
        Self::Webapi,
        Self::Deployment,
    ];

    /// The name of the role's service in SAPI.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Nameservice => "nameservice",
            Self::Postgres => "postgres",
            Self::Moray => "moray",
            Self::ElectricMoray => "electric-moray",
            Self::Webapi => "webapi",
            Self::Deployment => "manta",
        }
    }
}
