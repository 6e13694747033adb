//! Statements in SQL.

use std::time::Duration;

use serde::{Serialize, Serializer};
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
    /// How long the database may take, in whole milliseconds. Default: as long as it takes.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// Whether electric-moray is to pass the statement on although the ring has vnodes that take no writes. It refuses
    /// nonetheless while a whole shard takes none. Default: false.
    #[serde(rename = "readOnlyOverride")]
    pub read_only_override: bool,
}

#[expect(clippy::ref_option, reason = "serde gives a reference to the member")]
fn milliseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = time.unwrap_or_default().as_millis();
    serializer.serialize_u64(u64::try_from(milliseconds).unwrap_or(u64::MAX))
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
