//! The wait for a shard that can be served.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

use super::session::{Connector, NoSession};

/// The longest that one attempt to connect may take.
const CONNECTING: Duration = Duration::from_secs(4);
/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Waits until there is a primary that takes writes.
pub(super) async fn writable(connector: &Connector, primary: &watch::Receiver<Option<SocketAddr>>) {
    let mut last = String::new();
    loop {
        let server = *primary.borrow();
        let why = match is_made_and_writable(connector, server).await {
            Ok(None) => return,
            Ok(Some(why)) => why.to_owned(),
            Err(error) => error.to_string(),
        };
        // Once is enough.
        if why != last {
            tracing::info!(why, "not listening yet");
            last = why;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Tells what lacks yet. Role and database are asked for by a superuser: PostgreSQL logs an error for each attempt to
/// connect to a database that is not there.
async fn is_made_and_writable(
    connector: &Connector,
    server: Option<SocketAddr>,
) -> Result<Option<&'static str>, NoSession> {
    let Some(server) = server else {
        return Ok(Some("no primary is known"));
    };
    let superuser = connector.connect(server, "postgres", CONNECTING).await?.client;
    let sql = "SELECT current_setting('transaction_read_only') = 'off' \
               FROM pg_database JOIN pg_roles ON rolname = datname WHERE datname = 'moray'";
    Ok(match superuser.query_opt(sql, &[]).await?.map(|row| row.try_get(0)).transpose()? {
        None => Some("the primary has no database moray yet"),
        Some(false) => Some("the primary takes no writes yet"),
        Some(true) => None,
    })
}
