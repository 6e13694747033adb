//! Transactions that began before some moment.

use std::fmt;
use std::time::Duration;

use manatee_client::PgEndpoint;

use crate::deployment::{Database, DatabaseError};

/// A transaction that is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// The holder.
    pub holder: Holder,
    /// For how many seconds it has been open; if it is prepared, for how many it has been that.
    pub seconds: i64,
}

/// The holder of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A session.
    Session {
        /// Its process at the server.
        pid: i32,
        /// Its user.
        user: String,
        /// The application that it is for, as the client calls itself.
        application: String,
        /// The client's address; empty for one on the server itself.
        client: String,
        /// Its state: `active`, `idle in transaction` …
        state: String,
    },
    /// Nobody: it was prepared, and waits to be committed or rolled back.
    Prepared {
        /// Its name.
        gid: String,
        /// The user who prepared it.
        owner: String,
    },
}

impl fmt::Display for OpenTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds;
        match &self.holder {
            Holder::Session { pid, user, application, client, state } => {
                let client = if client.is_empty() { "the server itself" } else { client };
                write!(
                    f,
                    "process {pid} (user {user:?}, application {application:?}, from {client}, {state}), open for {seconds} s"
                )
            }
            Holder::Prepared { gid, owner } => {
                write!(f, "the transaction {gid:?} of {owner:?}, prepared {seconds} s ago")
            }
        }
    }
}

impl OpenTransaction {
    /// The command that ends it, for a shell from which the server can be reached.
    pub fn end_with(&self, at: &PgEndpoint) -> String {
        let sql = match &self.holder {
            Holder::Session { pid, .. } => format!("SELECT pg_terminate_backend({pid})"),
            Holder::Prepared { gid, .. } => {
                // What a shell or SQL would read as something else is not worth the risk.
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
                let gid = if gid.chars().all(plain) { gid } else { "GID" };
                format!("ROLLBACK PREPARED '{gid}'")
            }
        };
        let PgEndpoint { host, port, user, .. } = at;
        format!("psql -h {host} -p {port} -U {user} -d moray -c \"{sql}\"")
    }
}

/// The remedy for transactions that do not end, at this server.
pub(crate) fn how_to_end(open: &[OpenTransaction], at: &PgEndpoint) -> String {
    const SHOWN: usize = 3;
    let commands: Vec<String> =
        open.iter().take(SHOWN).map(|one| format!("`{}`", one.end_with(at))).collect();
    let more = if open.len() > SHOWN { ", and so on" } else { "" };
    format!("ask who has it open; what nobody needs ends with {}{more}", commands.join(", "))
}

/// All of them in one line.
pub(crate) fn listed(open: &[OpenTransaction]) -> String {
    open.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The time of the database's server so long ago, as text that keeps all of its digits.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn server_time(database: &Database, ago: Duration) -> Result<String, DatabaseError> {
    let query = "SELECT (clock_timestamp() - $1 * interval '1 second')::text";
    let row = database.query_one(query, &[&ago.as_secs_f64()]).await;
    let row = row.map_err(|source| database.error("ask the time", source))?;
    row.try_get(0).map_err(|source| database.error("ask the time", source))
}

/// The transactions of the database's clients that began before this time of its server, and all that are prepared. One that
/// has not written yet may still write, so it counts, whatever it did.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn transactions_before(
    database: &Database,
    time: &str,
) -> Result<Vec<OpenTransaction>, DatabaseError> {
    let failed = |source| database.error("list the open transactions", source);
    // The server's own processes have no port. `reshard` itself only reads. Sessions are listed first: one that is prepared
    // meanwhile is in the second list.
    let query = "SELECT pid, coalesce(usename, ''), coalesce(application_name, ''), \
                 coalesce(host(client_addr), ''), coalesce(state, ''), \
                 extract(epoch FROM clock_timestamp() - xact_start)::int8 \
                 FROM pg_stat_activity \
                 WHERE datname = current_database() AND client_port IS NOT NULL \
                 AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM 'reshard' \
                 AND xact_start < $1::text::timestamptz ORDER BY xact_start";
    let rows = database.query(query, &[&time]).await.map_err(failed)?;
    let mut open = Vec::new();
    for row in &rows {
        let text = |column: usize| row.try_get::<_, String>(column).map_err(failed);
        open.push(OpenTransaction {
            holder: Holder::Session {
                pid: row.try_get(0).map_err(failed)?,
                user: text(1)?,
                application: text(2)?,
                client: text(3)?,
                state: text(4)?,
            },
            seconds: row.try_get(5).map_err(failed)?,
        });
    }
    let query = "SELECT gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::int8 \
                 FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared";
    for row in &database.query(query, &[]).await.map_err(failed)? {
        let text = |column: usize| row.try_get::<_, String>(column).map_err(failed);
        open.push(OpenTransaction {
            holder: Holder::Prepared { gid: text(0)?, owner: text(1)? },
            seconds: row.try_get(2).map_err(failed)?,
        });
    }
    Ok(open)
}

/// The snapshot of transactions that the database's server has seen the end of: `txid_current_snapshot()`.
///
/// # Errors
///
/// [`DatabaseError`]
pub async fn snapshot(database: &Database) -> Result<String, DatabaseError> {
    let row = database.query_one("SELECT txid_current_snapshot()::text", &[]).await;
    let row = row.map_err(|source| database.error("take a snapshot", source))?;
    row.try_get(0).map_err(|source| database.error("take a snapshot", source))
}

#[cfg(test)]
mod tests;
