//! Transactions that began before some moment, in the words of a server.

use std::time::Duration;

use async_trait::async_trait;

use super::database::{Database, DatabaseError};
use crate::region::ports::Transactions;
use crate::region::transactions::{Holder, OpenTransaction};

#[async_trait]
impl Transactions for Database {
    async fn server_time(&self, ago: Duration) -> Result<String, DatabaseError> {
        let query = "SELECT (clock_timestamp() - $1 * interval '1 second')::text";
        self.value("ask the time", query, &[&ago.as_secs_f64()]).await
    }

    async fn open_before(&self, time: &str) -> Result<Vec<OpenTransaction>, DatabaseError> {
        let failed = |source| self.error("list the open transactions", source);
        // The server's own processes have no port. `reshard` itself only reads. Sessions are listed first: one that is prepared
        // meanwhile is in the second list.
        let query = "SELECT pid, coalesce(usename, ''), coalesce(application_name, ''), \
                     coalesce(host(client_addr), ''), coalesce(state, ''), \
                     extract(epoch FROM clock_timestamp() - xact_start)::int8 \
                     FROM pg_stat_activity \
                     WHERE datname = current_database() AND client_port IS NOT NULL \
                     AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM 'reshard' \
                     AND xact_start < $1::text::timestamptz ORDER BY xact_start";
        let rows = self.query(query, &[&time]).await.map_err(failed)?;
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
        for row in &self.query(query, &[]).await.map_err(failed)? {
            let text = |column: usize| row.try_get::<_, String>(column).map_err(failed);
            open.push(OpenTransaction {
                holder: Holder::Prepared { gid: text(0)?, owner: text(1)? },
                seconds: row.try_get(2).map_err(failed)?,
            });
        }
        Ok(open)
    }

    async fn snapshot(&self) -> Result<String, DatabaseError> {
        self.value("take a snapshot", "SELECT txid_current_snapshot()::text", &[]).await
    }
}

#[cfg(test)]
mod tests;
