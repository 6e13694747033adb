//! The [`ServerError`]: why a server did not do what was asked.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::MessageId;

use crate::printable::printable;

/// The server's answer to a request that it did not carry out, or that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {}", printable(&.name.to_string()), printable(message))]
pub struct ServerError {
    /// The kind of the error.
    pub name: ErrorName,
    /// The problem, in the server's words.
    pub message: String,
    /// Properties of the error as old servers give them. Of an etag conflict: `bucket`, `key`, `expected`, `actual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Box<Value>>,
    /// Properties of the error as newer servers give them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Box<Value>>,
    /// The single errors, where it stands for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ase_errors: Option<Box<Value>>,
}

impl ServerError {
    /// An error with empty `context` and `info`, as servers send them.
    pub fn new(name: ErrorName, message: impl Into<String>) -> Self {
        let empty = || Some(Box::new(Value::Object(serde_json::Map::new())));
        Self { name, message: message.into(), context: empty(), info: empty(), ase_errors: None }
    }

    /// The error with these properties.
    #[must_use]
    pub fn with_context(self, context: Value) -> Self {
        Self { context: Some(Box::new(context)), ..self }
    }

    /// Tells whether PostgreSQL refused a write in a read-only transaction, its error 25006: a new primary does until its sync
    /// follows. Moray does not pass the SQLSTATE on, only the words.
    pub fn is_of_read_only_transaction(&self) -> bool {
        self.message.starts_with("cannot execute ")
            && self.message.ends_with(" in a read-only transaction")
    }

    /// The answer of a server that does not have the method, such as electric-moray asked for `ping`.
    pub fn unsupported_method(method: &str) -> Self {
        Self::new(ErrorName::Fast, format!("unsupported RPC method: \"{method}\""))
    }

    /// The error with what node-fast tells beside it of a method that it does not have.
    pub(crate) fn about_request(self, method: &str, id: MessageId) -> Self {
        if self.name != ErrorName::Fast || !self.message.starts_with("unsupported RPC method:") {
            return self;
        }
        let info = json!({"fastReason": "bad_method", "rpcMethod": method, "rpcMsgid": id.get()});
        Self { info: Some(Box::new(info)), ..self }
    }

    /// The answer of a server to a request that has no method name.
    pub fn malformed_request() -> Self {
        Self::new(ErrorName::Fast, "RPC request is not well-formed")
    }

    /// Tells whether the server does not have the method. The server says so in words only.
    pub fn is_unsupported_method(&self) -> bool {
        self.name == ErrorName::Fast && self.message.starts_with("unsupported RPC method:")
            || self.message == "Operation not supported"
    }
}

macro_rules! error_names {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The names of errors: those of Moray, electric-moray and the libraries between them, and any other.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorName {
            $($(#[$doc])* $variant,)*
            /// A name that this crate does not know. An error of PostgreSQL that Moray passes on is called `error`.
            Other(String),
        }

        impl ErrorName {
            /// The name as servers write it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<String> for ErrorName {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other(name),
                }
            }
        }
    };
}

error_names! {
    /// electric-moray: the vnode or the shard takes no writes now.
    ReadOnly = "ReadOnlyError",
    /// electric-moray: the arguments are not those of the method.
    Invocation = "InvocationError",
    /// node-fast: the request is malformed or the method unknown.
    Fast = "FastError",

    /// The object does not exist.
    ObjectNotFound = "ObjectNotFoundError",
    /// The bucket does not exist.
    BucketNotFound = "BucketNotFoundError",
    /// The object has another etag than was asked for.
    EtagConflict = "EtagConflictError",
    /// Another object has this value of an attribute that is unique.
    UniqueAttribute = "UniqueAttributeError",
    /// The bucket is being changed by someone else.
    BucketConflict = "BucketConflictError",
    /// The bucket has a newer version.
    BucketVersion = "BucketVersionError",
    /// The configuration is none that a bucket can have.
    InvalidBucketConfig = "InvalidBucketConfigError",
    /// The name is none that a bucket can have.
    InvalidBucketName = "InvalidBucketNameError",
    /// The type is none that an index can have.
    InvalidIndexType = "InvalidIndexTypeError",
    /// The filter is none.
    InvalidQuery = "InvalidQueryError",
    /// The bucket has no index for the filter.
    NotIndexed = "NotIndexedError",
    /// The attribute has an index already.
    SchemaChange = "SchemaChangeError",
    /// The fields are none that can be updated.
    FieldUpdate = "FieldUpdateError",
    /// A trigger of the bucket is no function.
    NotFunction = "NotFunctionError",
    /// A statement took longer than it may. It goes on in the database until it ends, and is undone then.
    QueryTimeout = "QueryTimeoutError",
    /// Moray is not connected to its database.
    NoDatabase = "NoDatabaseError",
    /// The shard has no primary now, or Moray has no connection to it left.
    NoDatabasePeers = "NoDatabasePeersError",
    /// Moray could not connect to its database in time.
    ConnectTimeout = "ConnectTimeoutError",
    /// An error of Moray's own.
    Internal = "InternalError",

    /// electric-moray lost its connection to the shard's Moray, with the request under way or not.
    FastTransport = "FastTransportError",
    /// electric-moray did not understand the shard's Moray.
    FastProtocol = "FastProtocolError",
    /// electric-moray's request to the shard's Moray failed in some way.
    FastRequest = "FastRequestError",
    /// electric-moray got no answer of the shard's Moray in time.
    Timeout = "TimeoutError",
    /// electric-moray did not get a connection to the shard's Moray in time.
    ClaimTimeout = "ClaimTimeoutError",
    /// electric-moray knows of no Moray of the shard.
    NoBackends = "NoBackendsError",
    /// electric-moray cannot connect to any Moray of the shard.
    PoolFailed = "PoolFailedError",
    /// electric-moray is closing its connections to the shard.
    PoolStopping = "PoolStoppingError",
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErrorName {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self::from(name.to_owned()))
    }
}

impl Serialize for ErrorName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in ["ReadOnlyError", "EtagConflictError", "error", "", "readonlyerror"] {
            let parsed: ErrorName = name.parse().unwrap();
            assert_eq!(parsed.as_str(), name);
            assert_eq!(ErrorName::from(parsed.to_string()), parsed);
        }
        assert_eq!(ErrorName::from("ReadOnlyError".to_owned()), ErrorName::ReadOnly);
        assert_eq!(ErrorName::from("error".to_owned()), ErrorName::Other("error".to_owned()));
    }

    #[test]
    fn properties_are_kept_and_absent_ones_stay_absent() {
        let json =
            json!({"name": "EtagConflictError", "message": "m", "context": {"expected": "a"}});
        let error: ServerError = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(error.to_string(), "EtagConflictError: m");
        assert_eq!(error.context.as_ref().unwrap()["expected"], "a");
        assert_eq!(serde_json::to_value(&error).unwrap(), json);
    }

    #[test]
    fn an_unsupported_method_is_told_by_the_words() {
        assert!(ServerError::unsupported_method("ping").is_unsupported_method());
        let of_moray =
            ServerError::new(ErrorName::Other("Error".into()), "Operation not supported");
        assert!(of_moray.is_unsupported_method());
        assert!(!ServerError::malformed_request().is_unsupported_method());
    }
}
