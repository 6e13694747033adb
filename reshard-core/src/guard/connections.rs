//! The connections that a server still has to give away.

use crate::deployment::{Database, DatabaseError};

/// The connections of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// The number of those that anybody may have: without what is reserved for superusers.
    pub most: i64,
    /// The number of those that are there.
    pub used: i64,
    /// The most that Moray has from one address: as many as one more Moray zone needs.
    pub of_one_moray: i64,
}

impl Connections {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn read(database: &Database) -> Result<Self, DatabaseError> {
        let doing = "count the connections";
        // Before 10 all rows are of clients, and there is no such column.
        let sql = "SELECT current_setting('max_connections')::bigint \
                     - current_setting('superuser_reserved_connections')::bigint, \
                   (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL), \
                   (SELECT coalesce(max(count), 0) FROM (SELECT count(*) FROM pg_stat_activity \
                     WHERE usename = 'moray' GROUP BY client_addr) AS of_each)";
        let row = database.query_one(sql, &[]).await;
        let row = row.map_err(|source| database.error(doing, source))?;
        Ok(Self {
            most: database.cell(doing, &row, 0)?,
            used: database.cell(doing, &row, 1)?,
            of_one_moray: database.cell(doing, &row, 2)?,
        })
    }

    /// The number of those that are free.
    pub fn free(&self) -> i64 {
        self.most.saturating_sub(self.used)
    }
}
