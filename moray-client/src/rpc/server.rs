//! The facts that a server tells of itself.

use serde::{Deserialize, Serialize};

use super::{RequestId, call};
use crate::client::{Client, Nulls};
use crate::error::Error;

#[derive(Serialize)]
struct PingOptions {
    deep: bool,
}

#[derive(Serialize)]
struct NoOptions {}

impl Client {
    /// Checks that a Moray answers, and if `deep`, its database too. electric-moray does not have this: to see whether it
    /// works, get an object.
    ///
    /// # Errors
    /// It does not. [`Error::is_unsupported_method`] if it is an electric-moray.
    pub async fn ping(&self, deep: bool) -> Result<(), Error> {
        let (options, id) = (PingOptions { deep }, RequestId::default());
        call(self, "ping", vec![], &options, id, Nulls::Refuse).await?.all().await?;
        Ok(())
    }

    /// The version of a Moray's interface, to be shown to people: another connection may lead to a Moray of another
    /// version. electric-moray does not have this.
    ///
    /// # Errors
    /// [`Error::is_unsupported_method`] if it is an electric-moray.
    pub async fn version(&self) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Answer {
            version: u64,
        }
        let id = RequestId::default();
        let answer = call(self, "version", vec![], &NoOptions {}, id, Nulls::Refuse).await?;
        answer.one::<Answer>().await.map(|answer| answer.version)
    }

    /// The shards of an electric-moray: the pnodes of its ring, such as `tcp://1.moray.example.com:2020`. Moray does
    /// not have this.
    ///
    /// # Errors
    /// [`Error::is_unsupported_method`] if it is a Moray.
    pub async fn tokens(&self) -> Result<Vec<String>, Error> {
        let id = RequestId::default();
        call(self, "getTokens", vec![], &NoOptions {}, id, Nulls::Refuse).await?.one().await
    }
}
