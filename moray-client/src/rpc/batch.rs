//! Several writes in one transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DeleteOptions, EtagCondition, RequestId, argument, call};
use crate::client::{Client, Nulls};
use crate::error::Error;

/// One write of a batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "operation", rename_all = "lowercase")]
pub enum BatchRequest {
    /// Put an object.
    Put {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// Its value, a JSON object.
        value: Value,
        /// The condition on what is there.
        #[serde(rename = "options", serialize_with = "options")]
        etag: EtagCondition,
    },
    /// Delete an object.
    Delete {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// The etag that the object must have. `None`: any. Moray ignores an empty one.
        #[serde(rename = "options", serialize_with = "delete_options")]
        etag: Option<String>,
    },
}

// Moray reads the condition from `options.etag`. (muskie has written `opts`, which Moray does not look at.)
fn options<S: serde::Serializer>(etag: &EtagCondition, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Options<'a> {
        #[serde(skip_serializing_if = "is_any")]
        etag: &'a EtagCondition,
    }
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference to the member")]
    fn is_any(etag: &&EtagCondition) -> bool {
        etag.is_any()
    }
    Options { etag }.serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde gives a reference to the member")]
fn delete_options<S: serde::Serializer>(
    etag: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    DeleteOptions { etag: etag.clone(), ..DeleteOptions::default() }.serialize(serializer)
}

/// Options of [`Client::batch`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchOptions {
    /// The request's id.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The longest that each statement in the database may take, in whole milliseconds; COMMIT takes as long as it takes.
    /// Beyond, [`Error::is_query_timeout`](crate::Error::is_query_timeout). Default: Moray's own limit.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "super::options::milliseconds"
    )]
    pub timeout: Option<Duration>,
}

/// The etag of an object that a batch has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEtag {
    /// The object's bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its etag now. Nothing for what was deleted.
    #[serde(default)]
    pub etag: Option<String>,
}

impl Client {
    /// Makes several writes in one transaction: all of them or none.
    ///
    /// electric-moray takes only keys that lie on one vnode. It does not tell the shard which, so the rows that are
    /// written have a null in the column `_vnode`.
    ///
    /// # Errors
    /// As of [`put_object`](Self::put_object), if one of the writes cannot be made.
    pub async fn batch(
        &self,
        requests: &[BatchRequest],
        options: &BatchOptions,
    ) -> Result<Vec<BatchEtag>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            etags: Vec<BatchEtag>,
        }
        let args = vec![argument("batch", requests)?];
        let responses = call(self, "batch", args, options, options.request_id, Nulls::Refuse);
        let answer: Answer = responses.await?.one().await?;
        Ok(answer.etags)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_condition_is_in_options() {
        let (bucket, key) = (String::from("b"), String::from("k"));
        let put = |etag| BatchRequest::Put {
            bucket: bucket.clone(),
            key: key.clone(),
            value: json!({"a": 1}),
            etag,
        };
        let json = |request| serde_json::to_value::<BatchRequest>(request).unwrap();
        let expected = json!({"operation": "put", "bucket": "b", "key": "k", "value": {"a": 1},
            "options": {}});
        assert_eq!(json(put(EtagCondition::Any)), expected);
        assert_eq!(json(put(EtagCondition::Absent))["options"], json!({"etag": null}));
        let delete = BatchRequest::Delete { bucket, key, etag: Some("0BD4B551".to_owned()) };
        let expected = json!({"operation": "delete", "bucket": "b", "key": "k",
            "options": {"etag": "0BD4B551"}});
        assert_eq!(json(delete), expected);
    }
}
