//! The methods of Moray and electric-moray as functions of [`Client`].

mod batch;
mod etag;
mod object;
mod objects;
mod options;
mod server;
mod sql;

pub use batch::{BatchEtag, BatchOptions, BatchRequest};
pub use etag::EtagCondition;
pub use object::{NodeInfo, Object, Put};
pub use objects::Objects;
pub use options::{
    DeleteOptions, FindOptions, GetOptions, Order, PutOptions, RequestId, Route, Sort,
};
pub use sql::{Rows, SqlOptions};

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::client::{Client, Nulls, Responses};
use crate::error::Error;

#[derive(Serialize)]
struct WithId<'a, O> {
    req_id: Uuid,
    #[serde(flatten)]
    options: &'a O,
}

/// Makes a request whose last argument is its options. The request's id is in it, and in the log here as in that of servers.
async fn call<O: Serialize>(
    client: &Client,
    method: &'static str,
    args: Vec<Value>,
    options: &O,
    request_id: RequestId,
    nulls: Nulls,
) -> Result<Responses, Error> {
    let mut args = args;
    let with_id = WithId { req_id: request_id.uuid(), options };
    args.push(argument(method, &with_id)?);
    tracing::debug!(method, req_id = %request_id, address = client.address(), "request");
    client.call(method, &args, nulls).await
}

fn argument<T: Serialize + ?Sized>(method: &'static str, value: &T) -> Result<Value, Error> {
    serde_json::to_value(value)
        .map_err(|source| Error::Arguments { method: method.to_owned(), source })
}
