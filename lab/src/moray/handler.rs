//! The methods of Moray.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use moray_client::{ErrorName, Handler, Reply, Request, ServerError};
use serde_json::{Map, Value, json};
use tokio_postgres::Row;

use super::arguments::{Argument, JsType, check, check_not_empty, options, text, time_limit};
use super::bucket::{Bucket, is_bucket_name};
use super::kang::Requests;
use super::pool::Pool;
use super::transaction::Transaction;
use super::values::{Cell, Parameter};
use super::writes::{Write, batch_answer, lost_race};
use super::{error, many, objects};

const BUCKET: Argument = ("bucket", JsType::String);
const KEY: Argument = ("key", JsType::String);
const FILTER: Argument = ("filter", JsType::String);
const OPTIONS: Argument = ("options", JsType::Object);

/// The number of tries of a put that loses the race for a new key.
const ATTEMPTS: u32 = 10;

/// A Moray of one shard.
#[derive(Debug)]
pub(super) struct Moray {
    pool: Arc<Pool>,
    requests: Arc<Requests>,
    /// Those that were seen. Nothing changes or deletes buckets.
    buckets: Mutex<HashMap<String, Arc<Bucket>>>,
}

impl Handler for Moray {
    async fn handle(&self, request: Request, reply: Reply) -> Result<(), ServerError> {
        let _pending = self.requests.begin(&request);
        let Request { method, args, .. } = request;
        let values = self.answer(&method, &args).await?;
        for value in values {
            if reply.send(value).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Moray {
    pub(super) fn new(pool: Arc<Pool>, requests: Arc<Requests>) -> Self {
        Self { pool, requests, buckets: Mutex::default() }
    }

    async fn answer(&self, method: &str, args: &[Value]) -> Result<Vec<Value>, ServerError> {
        let check = |expected: &[Argument]| {
            check(method, args, expected)?;
            check_not_empty(method, args, expected)
        };
        match method {
            "getObject" => {
                check(&[BUCKET, KEY, OPTIONS])?;
                self.get(args).await.map(|object| vec![object])
            }
            "putObject" => {
                check(&[BUCKET, KEY, ("value", JsType::Object), OPTIONS])?;
                self.put(args).await.map(|etag| vec![json!({"etag": etag})])
            }
            "delObject" => {
                check(&[BUCKET, KEY, OPTIONS])?;
                self.delete(args).await.map(|()| vec![json!({})])
            }
            "findObjects" => {
                check(&[BUCKET, FILTER, OPTIONS])?;
                self.find(args).await
            }
            "updateObjects" => {
                check(&[BUCKET, ("fields", JsType::Object), FILTER, OPTIONS])?;
                self.update(args).await.map(|answer| vec![answer])
            }
            "deleteMany" => {
                check(&[BUCKET, FILTER, OPTIONS])?;
                self.delete_many(args).await.map(|answer| vec![answer])
            }
            "batch" => {
                check(&[("requests", JsType::Object), OPTIONS])?;
                self.batch(args).await.map(|answer| vec![answer])
            }
            "sql" => {
                check(&[("statement", JsType::String), ("values", JsType::Object), OPTIONS])?;
                self.sql(args).await
            }
            "getBucket" => {
                check(&[OPTIONS, BUCKET])?;
                let sql = "SELECT name, index, pre, post, options, mtime FROM buckets_config WHERE name = $1";
                let rows = self.rows(sql, &[Parameter::from(text(args, 1))]).await?;
                if rows.is_empty() { Err(error::bucket_not_found(text(args, 1))) } else { Ok(rows) }
            }
            "listBuckets" => {
                check(&[OPTIONS])?;
                let sql = "SELECT name, index, pre, post, options, mtime FROM buckets_config";
                self.rows(sql, &[]).await
            }
            "createBucket" => {
                check(&[BUCKET, ("config", JsType::Object), OPTIONS])?;
                self.create_bucket(args).await.map(|()| Vec::new())
            }
            "ping" => {
                check(&[OPTIONS])?;
                let deep = options(args, 0).get("deep").and_then(Value::as_bool).unwrap_or(false);
                if deep {
                    self.rows("SELECT name FROM buckets_config LIMIT 1", &[]).await?;
                }
                Ok(Vec::new())
            }
            "version" => check(&[OPTIONS]).map(|()| vec![json!({"version": 2})]),
            "getTokens" => Err(error::not_supported()),
            other => Err(ServerError::unsupported_method(other)),
        }
    }

    /// A bucket's configuration.
    async fn bucket(
        &self,
        transaction: &mut Transaction,
        name: &str,
    ) -> Result<Arc<Bucket>, ServerError> {
        let buckets = || self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets().get(name).cloned() {
            return Ok(bucket);
        }
        let sql = "SELECT index, post, options FROM buckets_config WHERE name = $1";
        let rows = transaction.query(sql, &[Parameter::from(name)]).await?;
        let row = rows.first().ok_or_else(|| error::bucket_not_found(name))?;
        let json = |column: &str| {
            let text: Option<&str> = row.try_get(column).ok()?;
            serde_json::from_str::<Value>(text?).ok()
        };
        let config =
            json!({"index": json("index"), "post": json("post"), "options": json("options")});
        let known = Bucket::from_config(name, &config).filter(|_| is_bucket_name(name));
        let bucket = Arc::new(known.ok_or_else(|| {
            let words = format!("{name} has a configuration that the lab's Moray does not know");
            ServerError::new(ErrorName::InvalidBucketConfig, words)
        })?);
        buckets().insert(name.to_owned(), Arc::clone(&bucket));
        Ok(bucket)
    }

    /// Begins what a request with these options asks for.
    async fn begin(&self, options: &Map<String, Value>) -> Result<Transaction, ServerError> {
        Transaction::begin(&self.pool, time_limit(options)).await
    }

    async fn get(&self, args: &[Value]) -> Result<Value, ServerError> {
        let mut transaction = self.begin(&options(args, 2)).await?;
        let result = async {
            let bucket = self.bucket(&mut transaction, text(args, 0)).await?;
            objects::get(&mut transaction, &bucket, text(args, 1)).await
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn put(&self, args: &[Value]) -> Result<String, ServerError> {
        let mut attempt = 1;
        loop {
            let result = self.put_once(args).await;
            match result {
                Err(error) if lost_race(&error) && attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn put_once(&self, args: &[Value]) -> Result<String, ServerError> {
        let mut transaction = self.begin(&options(args, 3)).await?;
        let result = async {
            let bucket = &*self.bucket(&mut transaction, text(args, 0)).await?;
            let write = Write { bucket, key: text(args, 1), options: &options(args, 3) };
            let value = args.get(2).unwrap_or(&Value::Null);
            write.put(&mut transaction, value).await
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn delete(&self, args: &[Value]) -> Result<(), ServerError> {
        let mut transaction = self.begin(&options(args, 2)).await?;
        let result = async {
            let bucket = &*self.bucket(&mut transaction, text(args, 0)).await?;
            let write = Write { bucket, key: text(args, 1), options: &options(args, 2) };
            write.delete(&mut transaction).await
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn find(&self, args: &[Value]) -> Result<Vec<Value>, ServerError> {
        let mut transaction = self.begin(&options(args, 2)).await?;
        let result = async {
            let bucket = self.bucket(&mut transaction, text(args, 0)).await?;
            objects::find(&mut transaction, &bucket, text(args, 1), &options(args, 2)).await
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn update(&self, args: &[Value]) -> Result<Value, ServerError> {
        let fields = many::fields(args.get(1).unwrap_or(&Value::Null))?;
        let mut transaction = self.begin(&options(args, 3)).await?;
        let result = async {
            let bucket = self.bucket(&mut transaction, text(args, 0)).await?;
            many::update(&mut transaction, &bucket, fields, text(args, 2), &options(args, 3)).await
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn delete_many(&self, args: &[Value]) -> Result<Value, ServerError> {
        let mut transaction = self.begin(&options(args, 2)).await?;
        let result = async {
            let bucket = self.bucket(&mut transaction, text(args, 0)).await?;
            many::delete(&mut transaction, &bucket, text(args, 1), &options(args, 2)).await
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn batch(&self, args: &[Value]) -> Result<Value, ServerError> {
        let requests = args.first().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut attempt = 1;
        loop {
            let mut transaction = self.begin(&options(args, 1)).await?;
            let result = self.batch_once(&mut transaction, requests).await;
            match transaction.end(result).await {
                Err(error) if lost_race(&error) && attempt < ATTEMPTS => attempt += 1,
                result => return result.map(batch_answer),
            }
        }
    }

    async fn batch_once(
        &self,
        transaction: &mut Transaction,
        requests: &[Value],
    ) -> Result<Vec<(String, String, Option<String>)>, ServerError> {
        let mut written = Vec::new();
        for request in requests {
            let member = |name: &str| request.get(name).and_then(Value::as_str);
            let (name, key) =
                (member("bucket").unwrap_or_default(), member("key").unwrap_or_default());
            let bucket = &*self.bucket(transaction, name).await?;
            let none = Map::new();
            let options = request.get("options").and_then(Value::as_object).unwrap_or(&none);
            let write = Write { bucket, key, options };
            let etag = match member("operation").unwrap_or("put") {
                "put" => {
                    let value = request.get("value").unwrap_or(&Value::Null);
                    Some(write.put(transaction, value).await?)
                }
                "delete" => {
                    write.delete(transaction).await?;
                    None
                }
                other => {
                    let words = format!("\"{other}\" is not an allowed batch operation");
                    return Err(ServerError::new(ErrorName::Invocation, words));
                }
            };
            written.push((name.to_owned(), key.to_owned(), etag));
        }
        Ok(written)
    }

    async fn sql(&self, args: &[Value]) -> Result<Vec<Value>, ServerError> {
        let values = args.get(1).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let parameters: Vec<Parameter> = values.iter().map(Parameter::from_json).collect();
        let mut transaction = self.begin(&options(args, 2)).await?;
        let result = async {
            let rows = transaction.query_once(text(args, 0), &parameters).await?;
            rows.iter().map(row_object).collect()
        };
        let result = result.await;
        transaction.end(result).await
    }

    async fn rows(&self, sql: &str, parameters: &[Parameter]) -> Result<Vec<Value>, ServerError> {
        let mut transaction = Transaction::begin(&self.pool, None).await?;
        let rows = transaction.query(sql, parameters).await;
        let result = rows.and_then(|rows| rows.iter().map(row_object).collect());
        transaction.end(result).await
    }

    async fn create_bucket(&self, args: &[Value]) -> Result<(), ServerError> {
        let name = text(args, 0);
        if !is_bucket_name(name) {
            let words = format!("{name} is not a valid bucket name");
            return Err(ServerError::new(ErrorName::InvalidBucketName, words));
        }
        let config = args.get(1).unwrap_or(&Value::Null);
        let bucket = Bucket::from_config(name, config).ok_or_else(|| {
            let words = format!("{name} cannot have this configuration");
            ServerError::new(ErrorName::InvalidBucketConfig, words)
        })?;
        let [index, post, options] =
            [bucket.index_json(), bucket.post_json(), bucket.options_json()]
                .map(|json| json.to_string());
        let parameters = [name, &index, &post, &options].map(Parameter::from);
        let insert = "INSERT INTO buckets_config (name, index, pre, post, options) VALUES ($1, $2, '[]', $3, $4) \
                      ON CONFLICT (name) DO NOTHING RETURNING name";
        let mut transaction = Transaction::begin(&self.pool, None).await?;
        let result = async {
            // Someone else who makes the same bucket waits here; who comes second finds it made.
            if transaction.query(insert, &parameters).await?.is_empty() {
                return Err(error::bucket_conflict(name));
            }
            transaction.execute(&bucket.ddl()).await
        };
        let result = result.await;
        transaction.end(result).await
    }
}

/// A row as an object with a member for each column.
fn row_object(row: &Row) -> Result<Value, ServerError> {
    let mut members = Map::new();
    for (index, column) in row.columns().iter().enumerate() {
        let cell: Result<Cell, _> = row.try_get(index);
        let Cell(value) = cell.map_err(|error| error::of_statement(&error))?;
        members.insert(column.name().to_owned(), value);
    }
    Ok(Value::Object(members))
}
