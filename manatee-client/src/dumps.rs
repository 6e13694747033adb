//! Dumps that run.
//!
//! A dump clones the dataset of a peer and starts a second server on it, which is not to be seen from the first. Which peer that
//! is was decided when the dump began, so all of them have to be asked, and the lock does not stop a dump that runs.

use std::time::Duration;

use crate::peer::PgEndpoint;
use crate::postgres::{Postgres, PostgresError, cell};

/// The port on which the second server of a dump listens.
pub const DUMP_PORT: u16 = 23456;

/// The state of a peer's dump port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunningDump {
    /// Nothing listens.
    None,
    /// A server listens, and these clients are connected to it, e.g. `pg_dump`; none while it starts or stops.
    Running {
        /// Their application names.
        clients: Vec<String>,
    },
}

/// Looks for a dump on the host of a peer. `port` is [`DUMP_PORT`] on real peers.
///
/// # Errors
///
/// [`PostgresError`] if the host does not answer at all: then nobody knows.
pub async fn running_dump(
    peer: &PgEndpoint,
    port: u16,
    timeout: Duration,
) -> Result<RunningDump, PostgresError> {
    let server = Postgres::new(PgEndpoint { port, ..peer.clone() }, timeout);
    let clients = server
        .ask(async |connection| {
            // The process id has another name in 9.1 and earlier, which Manatee never ran.
            let rows = connection
                .rows(
                    "SELECT application_name AS name FROM pg_stat_activity \
                     WHERE pid <> pg_backend_pid() AND client_port IS NOT NULL",
                )
                .await?;
            let names = rows.iter().map(|row| Ok(cell(row, "name")?.map(str::to_owned)));
            names.filter_map(Result::transpose).collect()
        })
        .await;
    match clients {
        Ok(clients) => Ok(RunningDump::Running { clients }),
        Err(error) if error.is_connection_refused() => Ok(RunningDump::None),
        // It listens, and does not let anybody in yet or any more.
        Err(error) if matches!(error.reason(), PostgresError::Refused { .. }) => {
            Ok(RunningDump::Running { clients: Vec::new() })
        }
        Err(error) => Err(error),
    }
}
