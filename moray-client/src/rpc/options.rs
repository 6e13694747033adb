//! The things that can be asked for beside a method's arguments.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::EtagCondition;

/// The id that a request has in the logs of servers. Each request has one; by default it is a new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// The id of this UUID, to find several requests, or those of another program, under one id.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl Default for RequestId {
    /// A new one.
    fn default() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

/// A limit as Moray takes it: its timer of JavaScript takes 0 as none, and what is beyond 31 bits as 1 ms.
#[expect(clippy::ref_option, reason = "serde gives a reference to the member")]
pub(super) fn milliseconds<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let milliseconds = time.unwrap_or_default().as_millis();
    serializer.serialize_i32(i32::try_from(milliseconds).unwrap_or(i32::MAX).max(1))
}

/// Options of [`Client::get_object`](crate::Client::get_object). There is none for taking the object from Moray's cache:
/// a Moray that finds it there ends, with all its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GetOptions {
    /// The request's id.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The longest that each statement in the database may take, in whole milliseconds; COMMIT takes as long as it takes.
    /// Beyond, [`Error::is_query_timeout`](crate::Error::is_query_timeout). Default: Moray's own limit.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
}

/// Options of [`Client::put_object`](crate::Client::put_object).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PutOptions {
    /// The request's id.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The condition on what is there. Default: anything.
    #[serde(skip_serializing_if = "EtagCondition::is_any")]
    pub etag: EtagCondition,
    /// For the triggers of the bucket. Default: none.
    pub headers: Map<String, Value>,
    /// The longest that each statement in the database may take, in whole milliseconds; COMMIT takes as long as it takes.
    /// Beyond, [`Error::is_query_timeout`](crate::Error::is_query_timeout). Default: Moray's own limit.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
}

/// Options of [`Client::delete_object`](crate::Client::delete_object).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeleteOptions {
    /// The request's id.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The etag that the object must have. Default: any. Moray ignores an empty one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The longest that each statement in the database may take, in whole milliseconds; COMMIT takes as long as it takes.
    /// Beyond, [`Error::is_query_timeout`](crate::Error::is_query_timeout). Default: Moray's own limit.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
}

/// Options of [`Client::find_objects`](crate::Client::find_objects).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FindOptions {
    /// The request's id.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The shard that is searched. electric-moray refuses a search without one. Default: none.
    #[serde(flatten)]
    pub route: Option<Route>,
    /// The most objects to be found. Default: the server's, which is 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The number of objects to pass over at first. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// In which order. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// Leaves out how many objects there are in all, which costs the database a second query. Default: false.
    pub no_count: bool,
    /// The longest that each statement in the database may take, in whole milliseconds; COMMIT takes as long as it takes.
    /// Beyond, [`Error::is_query_timeout`](crate::Error::is_query_timeout). Default: Moray's own limit.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
}

/// The shard that an electric-moray searches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// The one that this text hashes to. It is hashed as it is: to find what is in a directory of Manta, give the
    /// directory, not one of the keys in it.
    HashKey(String),
    /// This one: one of the texts that [`Client::tokens`](crate::Client::tokens) gives.
    Token(String),
}

/// By what objects are ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// An indexed attribute, or `_id`, `_mtime` and so on.
    pub attribute: String,
    /// Up or down.
    pub order: Order,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Order {
    /// The smallest first.
    #[serde(rename = "ASC")]
    Ascending,
    /// The greatest first.
    #[serde(rename = "DESC")]
    Descending,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_etag_is_absent_null_or_text() {
        let put = |etag| serde_json::to_value(PutOptions { etag, ..Default::default() }).unwrap();
        assert_eq!(put(EtagCondition::Any), json!({"headers": {}}));
        assert_eq!(put(EtagCondition::Absent), json!({"etag": null, "headers": {}}));
        let is = EtagCondition::Is("0BD4B551".to_owned());
        assert_eq!(put(is), json!({"etag": "0BD4B551", "headers": {}}));
        let delete = |etag| serde_json::to_value(DeleteOptions { etag, ..Default::default() });
        assert_eq!(delete(Some("0BD4B551".to_owned())).unwrap(), json!({"etag": "0BD4B551"}));
        // Moray would ignore `"etag": null`, and delete whatever is there.
        assert_eq!(delete(None).unwrap(), json!({}));
    }

    #[test]
    fn a_limit_is_one_that_the_timer_of_moray_takes() {
        let sent = |timeout| {
            let options = GetOptions { timeout: Some(timeout), ..Default::default() };
            serde_json::to_value(options).unwrap()
        };
        assert_eq!(sent(Duration::from_secs(2)), json!({"timeout": 2000}));
        assert_eq!(sent(Duration::from_micros(1)), json!({"timeout": 1}));
        assert_eq!(sent(Duration::from_secs(1 << 40)), json!({"timeout": i32::MAX}));
    }

    #[test]
    fn a_search_is_routed_by_key_or_by_token_or_not_at_all() {
        let find =
            |route| serde_json::to_value(FindOptions { route, ..Default::default() }).unwrap();
        assert_eq!(find(None), json!({"no_count": false}));
        let key = Some(Route::HashKey("/u/stor".to_owned()));
        assert_eq!(find(key), json!({"hashkey": "/u/stor", "no_count": false}));
        let token = Some(Route::Token("tcp://1:2020".to_owned()));
        assert_eq!(find(token), json!({"token": "tcp://1:2020", "no_count": false}));
        let sort = Some(Sort { attribute: "_id".to_owned(), order: Order::Descending });
        let sorted = FindOptions { sort, limit: Some(3), offset: Some(1), ..Default::default() };
        let expected = json!({"limit": 3, "offset": 1, "no_count": false,
            "sort": {"attribute": "_id", "order": "DESC"}});
        assert_eq!(serde_json::to_value(sorted).unwrap(), expected);
    }
}
