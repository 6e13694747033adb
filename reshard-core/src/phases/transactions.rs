//! Transactions at the source's primary that began before some moment, and may still write.

use std::time::Duration;

use manatee_client::{ClusterState, PgEndpoint};

use super::source::{primary_is_silent, then_resume};
use crate::hint::Hint;
use crate::phase::{Context, PhaseError, PhaseResultExt, Poll, Wait};
use crate::region::{Transactions, how_to_end, listed};

/// The longest that any statement may take.
const STATEMENT: Duration = Duration::from_secs(5);
/// The longest that the primary may be silent.
const SILENT: Duration = Duration::from_secs(10);
/// The longest that transactions from before may last.
pub(super) const TRANSACTIONS: Duration = Duration::from_secs(30);

/// The source's primary and a connection to it.
pub(super) struct Primary {
    pub(super) endpoint: PgEndpoint,
    pub(super) transactions: Box<dyn Transactions>,
    shard: String,
    silent: Hint,
}

impl Primary {
    /// Connects to the primary that the source's state names.
    pub(super) async fn connect(
        context: &Context,
        state: &ClusterState,
    ) -> Result<Self, PhaseError> {
        let name = context.plan().source();
        let silent = || primary_is_silent(state, name);
        let endpoint = state.primary.endpoint().map_err(|error| {
            PhaseError::hold(
                format!("the primary of {name} cannot be asked: {error}"),
                then_resume(silent()),
            )
        })?;
        let what = format!("the primary of {name} to answer");
        let waiting = Wait { what, hint: silent() };
        let transactions = context
            .wait(waiting, SILENT, || async {
                let databases = context.deployment().databases();
                let connected = databases.transactions(&endpoint, STATEMENT).await;
                connected.or_advise("it does not answer", then_resume(silent())).map(Poll::Ready)
            })
            .await?;
        Ok(Self { endpoint, transactions, shard: name.to_string(), silent: then_resume(silent()) })
    }

    /// The answer to a question, or the trouble that it does not tell `what`.
    pub(super) fn told<T, E>(&self, what: &str, answer: Result<T, E>) -> Result<T, PhaseError>
    where
        Result<T, E>: PhaseResultExt<T>,
    {
        answer.or_advise(
            format!("the primary of {} does not tell {what}", self.shard),
            self.silent.clone(),
        )
    }

    /// Waits until the transactions that began before this time of its server have ended, and all that were prepared.
    pub(super) async fn ended_before(
        &self,
        context: &Context,
        time: &str,
        which: &str,
        limit: Duration,
    ) -> Result<(), PhaseError> {
        let open = || async {
            let open = self.transactions.open_before(time).await;
            self.told("its transactions", open)
        };
        // What to do names those that are in the way, so it is found before it is waited for.
        let first = open().await?;
        if first.is_empty() {
            return Ok(());
        }
        let waiting = Wait {
            what: format!("{which} to end"),
            hint: how_to_end(&first, &self.endpoint).into(),
        };
        context
            .wait(waiting, limit, || async {
                let open = open().await?;
                if open.is_empty() {
                    return Ok(Poll::Ready(()));
                }
                Ok(Poll::Pending(None, listed(&open)))
            })
            .await
    }
}
