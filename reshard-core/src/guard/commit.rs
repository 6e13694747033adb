//! The outcomes of a COMMIT that is not plainly done.

use tokio_postgres::Transaction;
use tokio_postgres::error::DbError;

use crate::region::Server;

/// The code with which PostgreSQL warns that a transaction "has already committed locally, but might not have been replicated to
/// the standby".
const NOT_REPLICATED: &str = "01000";

/// A COMMIT is not known to be done (rule R12). What was written has to be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The transaction was committed at the primary only: a failover may lose it.
    #[error("the transaction at {host} is committed, but its standby may not have it: {warning}")]
    NotReplicated {
        /// The server.
        host: String,
        /// PostgreSQL's words.
        warning: String,
    },
    /// The server rolled the transaction back.
    #[error("the transaction at {host} was rolled back instead of committed")]
    RolledBack {
        /// The server.
        host: String,
        /// The cause.
        source: tokio_postgres::Error,
    },
    /// The connection ended before the answer.
    #[error("the connection to {host} ended before it said whether the transaction is committed")]
    Unknown {
        /// The server.
        host: String,
        /// The cause.
        source: tokio_postgres::Error,
    },
}

impl CommitError {
    /// Judges a COMMIT by its answer and by what the server said meanwhile.
    fn judge(
        host: &str,
        answer: Result<(), tokio_postgres::Error>,
        notices: &[DbError],
    ) -> Result<(), Self> {
        let host = || host.to_owned();
        if let Some(warning) = notices.iter().find(|notice| notice.code().code() == NOT_REPLICATED)
        {
            let text = [Some(warning.message()), warning.detail()];
            let warning = text.into_iter().flatten().collect::<Vec<_>>().join(": ");
            return Err(Self::NotReplicated { host: host(), warning });
        }
        let Err(source) = answer else { return Ok(()) };
        // A server that shuts down in the middle of a COMMIT may have written it before (class 57), and says 57P01.
        let was_rolled_back = source.code().is_some_and(|code| !code.code().starts_with("57"));
        Err(if was_rolled_back {
            Self::RolledBack { host: host(), source }
        } else {
            Self::Unknown { host: host(), source }
        })
    }
}

/// Commits a transaction. It is done only if this says so: the primary has it on disk, and the standby that it waits for as well.
pub(super) async fn commit(
    transaction: Transaction<'_>,
    server: &Server,
) -> Result<(), CommitError> {
    server.take_notices();
    let answer = transaction.commit().await;
    CommitError::judge(&server.endpoint().host, answer, &server.take_notices())
}
