//! The sessions of Morays at a database, told by the addresses of their zones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use crate::deployment::{Database, DatabaseError};

const DOING: &str = "look at the Morays' sessions";
const SQL: &str = "SELECT host(client_addr), count(*) FROM pg_catalog.pg_stat_activity \
    WHERE datname = current_database() AND host(client_addr) = ANY ($1) GROUP BY 1";

/// The addresses of Moray zones, from which their sessions with databases come.
pub type MorayAddresses = BTreeSet<IpAddr>;

/// The sessions of some Morays at source and target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoraySessions {
    /// The Morays that have sessions at the source, with their number.
    pub at_source: BTreeMap<IpAddr, u64>,
    /// The Morays that have none at the source and should.
    pub missing_at_source: BTreeSet<IpAddr>,
    /// The Morays that have none at the target, if that was looked at.
    pub missing_at_target: BTreeSet<IpAddr>,
}

impl MoraySessions {
    /// True if none is at the source and none is missing at the target.
    pub fn is_settled(&self) -> bool {
        self.at_source.is_empty() && self.missing_at_target.is_empty()
    }
}

impl fmt::Display for MoraySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_source = self.at_source.iter();
        let at_source = at_source.map(|(ip, count)| format!("{ip} has {count} at the source"));
        let none = |ip: &IpAddr, side| format!("{ip} has none at the {side}");
        let missing = self.missing_at_source.iter().map(|ip| none(ip, "source"));
        let missing = missing.chain(self.missing_at_target.iter().map(|ip| none(ip, "target")));
        f.write_str(&at_source.chain(missing).collect::<Vec<_>>().join(", "))
    }
}

/// The number of sessions that each of these addresses has at a database; those without any are left out.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn moray_sessions(
    database: &Database,
    morays: &MorayAddresses,
) -> Result<BTreeMap<IpAddr, u64>, DatabaseError> {
    let addresses: Vec<String> = morays.iter().map(ToString::to_string).collect();
    let rows = database.query(SQL, &[&addresses]).await;
    let rows = rows.map_err(|source| database.error(DOING, source))?;
    let mut sessions = BTreeMap::new();
    for row in &rows {
        let (address, count): (String, i64) =
            (database.cell(DOING, row, 0)?, database.cell(DOING, row, 1)?);
        // PostgreSQL wrote what it was asked for.
        if let Ok(address) = address.parse() {
            sessions.insert(address, u64::try_from(count).unwrap_or(0));
        }
    }
    Ok(sessions)
}
