//! Statements in SQL.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{RequestId, argument, call};
use crate::client::{Client, Nulls, Responses};
use crate::error::Error;

/// Options of [`Client::sql`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SqlOptions {
    /// The request's id.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The longest that the database may take, in whole milliseconds. Beyond,
    /// [`Error::is_query_timeout`](crate::Error::is_query_timeout), and the statement goes on. Default: Moray's own limit.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "super::options::milliseconds"
    )]
    pub timeout: Option<Duration>,
    /// Makes electric-moray pass the statement on although the ring has vnodes that take no writes. It refuses
    /// nonetheless while a whole shard takes none. Default: false.
    #[serde(rename = "readOnlyOverride")]
    pub read_only_override: bool,
}

impl Client {
    /// Runs a statement in a transaction of its own, with values for `$1`, `$2` and so on.
    ///
    /// electric-moray runs it on every shard. The rows come mixed, and do not tell from which.
    ///
    /// # Errors
    /// There is no connection. What else goes wrong, [`Rows::next`] tells.
    pub async fn sql(
        &self,
        statement: &str,
        values: &[Value],
        options: &SqlOptions,
    ) -> Result<Rows, Error> {
        let args = vec![statement.into(), argument("sql", values)?];
        // electric-moray ends the rows with nulls.
        call(self, "sql", args, options, options.request_id, Nulls::Ignore).await.map(Rows)
    }
}

/// The rows of a statement, as they come: objects with a member for each column. Dropping it gives them up.
#[derive(Debug)]
pub struct Rows(Responses);

impl Rows {
    /// The next row, or `None` after the last.
    ///
    /// # Errors
    /// The statement failed, or the connection.
    pub async fn next(&mut self) -> Result<Option<Map<String, Value>>, Error> {
        self.0.next_as().await
    }

    /// All that are left.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn all(mut self) -> Result<Vec<Map<String, Value>>, Error> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await? {
            rows.push(row);
        }
        Ok(rows)
    }
}
