//! Transactions that are still open.

use std::fmt;

use manatee_client::PgEndpoint;

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
    /// The SQL that ends it, for another session at its server.
    pub fn sql_to_end(&self) -> String {
        match &self.holder {
            Holder::Session { pid, .. } => format!("SELECT pg_terminate_backend({pid})"),
            Holder::Prepared { gid, .. } => {
                // What a shell or SQL would read as something else is not worth the risk.
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
                let gid = if gid.chars().all(plain) { gid } else { "GID" };
                format!("ROLLBACK PREPARED '{gid}'")
            }
        }
    }

    /// The command that ends it, for a shell from which the server can be reached.
    pub fn end_with(&self, at: &PgEndpoint) -> String {
        let (sql, PgEndpoint { host, port, user, .. }) = (self.sql_to_end(), at);
        format!("psql -h {host} -p {port} -U {user} -d moray -c \"{sql}\"")
    }
}

/// The remedy for transactions that do not end, at this server.
pub(crate) fn how_to_end(open: &[OpenTransaction], at: &PgEndpoint) -> String {
    ends_with(open.iter().map(|one| one.end_with(at)))
}

/// The same in SQL, where nothing but the server's host is known.
pub(crate) fn how_to_end_at<'a>(
    open: impl Iterator<Item = &'a OpenTransaction>,
    host: &str,
) -> String {
    format!("{} in a session at {host}", ends_with(open.map(OpenTransaction::sql_to_end)))
}

fn ends_with(all: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let mut commands = all.map(|command| format!("`{command}`"));
    let shown: Vec<String> = commands.by_ref().take(SHOWN).collect();
    let more = if commands.next().is_some() { ", and so on" } else { "" };
    format!("ask who has it open; what nobody needs ends with {}{more}", shown.join(", "))
}

/// All of them in one line.
pub(crate) fn listed(open: &[OpenTransaction]) -> String {
    open.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
