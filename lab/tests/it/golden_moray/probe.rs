//! The operations of `probe-moray.txt` and `probe-electric-moray.txt`, in their order.

use std::fmt::Debug;
use std::time::Duration;

use moray_client::{
    BatchOptions, BatchRequest, Client, DeleteOptions, Error, EtagCondition, FindOptions,
    GetOptions, Nulls, Order, PutOptions, Sort, SqlOptions,
};
use serde_json::{Value, json};

use super::Answers;
use super::recording::Said;

const X: &str = "/u/stor/x";

/// Says what a program that only prints would have printed.
struct Probe<'a> {
    client: &'a Client,
    said: Answers,
}

/// Asks a server everything.
pub(super) async fn ask(client: &Client) -> Answers {
    let mut probe = Probe { client, said: Vec::new() };
    probe.servers().await;
    probe.puts().await;
    probe.unusual_puts().await;
    probe.searches().await;
    probe.deletes().await;
    probe.batches().await;
    probe.statements().await;
    probe.said
}

fn value(vnode: u32) -> Value {
    json!({"dirname": "/u/stor", "key": X, "name": "x", "owner": "u", "type": "object", "objectId": "oid",
        "vnode": vnode})
}

fn is(etag: &str) -> EtagCondition {
    EtagCondition::Is(etag.to_owned())
}

impl Probe<'_> {
    fn say<T: Debug>(&mut self, asked: &str, result: Result<T, Error>) {
        let answer = match result {
            Ok(value) => format!("OK {value:?}"),
            Err(error) => format!(
                "ERR {} | name={:?} ro={} etag={} nf={} unsup={} ctx={:?}",
                error.with_causes(),
                error.server_error().map(|error| error.name.as_str()),
                error.is_read_only(),
                error.is_etag_conflict(),
                error.is_not_found(),
                error.is_unsupported_method(),
                error.server_error()
            ),
        };
        self.said.push(Said::new(asked, answer));
    }

    async fn all(&self, method: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
        self.client.call(method, args, Nulls::Ignore).await?.all().await
    }

    async fn call(&mut self, method: &str, args: &[Value]) {
        let values = self.all(method, args).await;
        let texts = values.map(|values| values.iter().map(Value::to_string).collect::<Vec<_>>());
        self.say(&format!("call {method}"), texts);
    }

    async fn servers(&mut self) {
        for (asked, deep) in [("ping", false), ("ping deep", true)] {
            let result = self.client.ping(deep).await;
            self.say(asked, result);
        }
        let version = self.client.version().await;
        self.say("version", version);
        let tokens = self.client.tokens().await;
        self.say("tokens", tokens);
        let text = json!({"type": "string"});
        let number = json!({"type": "number"});
        let manta = json!({"index": {"dirname": text, "name": text, "owner": text, "objectId": text, "type": text},
            "options": {"version": 2}});
        let uploads =
            json!({"index": {"finalizingType": text, "uploadId": text}, "options": {"version": 1}});
        let counts = json!({"index": {"entries": number}, "options": {"version": 1}});
        let log = json!({"index": {"objectId": text}, "options": {"version": 1}});
        let uniq = json!({"index": {"u": {"type": "string", "unique": true}, "num": number}});
        for (name, config) in [
            ("manta", &manta),
            ("manta", &manta),
            ("manta_uploads", &uploads),
            ("manta_directory_counts", &counts),
            ("manta_delete_log", &log),
            ("uniq", &uniq),
            ("9bad", &uniq),
        ] {
            self.call("createBucket", &[json!(name), config.clone(), json!({})]).await;
        }
        self.call("getBucket", &[json!({}), json!("manta")]).await;
        self.call("listBuckets", &[json!({})]).await;
        self.call("nonsense", &[json!({})]).await;
    }

    async fn put(&mut self, asked: &str, at: (&str, &str), value: &Value, etag: EtagCondition) {
        let options = PutOptions { etag, ..Default::default() };
        let put = self.client.put_object(at.0, at.1, value, &options).await;
        self.say(asked, put);
    }

    async fn get(&mut self, asked: &str, at: (&str, &str)) {
        let object = self.client.get_object(at.0, at.1, &GetOptions::default()).await;
        self.say(asked, object);
    }

    async fn puts(&mut self) {
        let (x, none) = (("manta", X), ("manta", "/u/stor/none"));
        self.put("put new", x, &value(7), EtagCondition::Absent).await;
        self.put("put new again", x, &value(7), EtagCondition::Absent).await;
        self.put("put wrong etag", x, &value(7), is("DEADBEEF")).await;
        self.put("put right etag", x, &value(8), is("09564DDA")).await;
        self.put("put etag of absent key", none, &value(7), is("DEADBEEF")).await;
        self.put("put any", x, &value(9), EtagCondition::Any).await;
        self.get("get", x).await;
        self.get("get missing", ("manta", "/nope")).await;
        self.get("get missing bucket", ("nobucket", X)).await;
        self.put("put missing bucket", ("nobucket", X), &value(7), EtagCondition::Any).await;
    }

    async fn unusual_puts(&mut self) {
        let key = "/u/stor/vt";
        // The client has no such option: this is why.
        let options = json!({"_value": "{\"other\":1}"});
        let args = [json!("manta"), json!(key), value(5), options];
        let put = async {
            self.client
                .call("putObject", &args, Nulls::Refuse)
                .await?
                .one::<moray_client::Put>()
                .await
        };
        let put = put.await;
        self.say("put value_text", put);
        self.get("get value_text", ("manta", key)).await;
        for key in ["/u/stor/é\n'\"::x", "/u/stor/日本", "k😀"] {
            let value = json!({"dirname": "/u/stor", "a": key, "vnode": 3});
            self.put(&format!("put odd {key:?}"), ("manta", key), &value, EtagCondition::Any).await;
            let object = self.client.get_object("manta", key, &GetOptions::default()).await;
            self.say("get odd", object.map(|object| (object.key, object.etag, object.value)));
        }
        let value = json!({"vnode": 3, "x": "a\0b"});
        self.put("put NUL key", ("manta", "a\0b"), &value, EtagCondition::Any).await;
        self.put("put NUL value", ("manta", "nulv"), &value, EtagCondition::Any).await;
        self.put("put empty key", ("manta", ""), &value, EtagCondition::Any).await;
        let value = json!({"u": "same", "num": 1});
        self.put("put unique 1", ("uniq", "1"), &value, EtagCondition::Any).await;
        self.put("put unique 2", ("uniq", "2"), &value, EtagCondition::Any).await;
    }

    async fn find(&mut self, filter: &str, options: &FindOptions) {
        let found = async { self.client.find_objects("manta", filter, options).await?.all().await };
        let found = found.await.map(|objects| {
            let shown = objects.into_iter().map(|object| {
                let has_vnode = object.value.get("vnode").is_some();
                (object.key, object.id, object.count, object.node, has_vnode, object.other)
            });
            shown.collect::<Vec<_>>()
        });
        self.say(&format!("find {filter}"), found);
    }

    async fn searches(&mut self) {
        let sort = || Some(Sort { attribute: "_id".to_owned(), order: Order::Descending });
        let last = |limit| FindOptions { limit: Some(limit), sort: sort(), ..Default::default() };
        self.find("(dirname=/u/stor)", &last(2)).await;
        let uncounted = FindOptions { no_count: true, ..Default::default() };
        self.find("(dirname=/u/stor)", &uncounted).await;
        self.find("(nosuch=1)", &FindOptions::default()).await;
        self.find("bad((", &FindOptions::default()).await;
        self.find("(_mtime>=0)", &last(1)).await;
    }

    async fn deletes(&mut self) {
        let wrong = DeleteOptions { etag: Some("DEADBEEF".to_owned()), ..Default::default() };
        let missing = self.client.delete_object("manta", "/nope", &DeleteOptions::default()).await;
        self.say("del missing", missing);
        let conflict = self.client.delete_object("manta", X, &wrong).await;
        self.say("del wrong etag", conflict);
        let object = self.client.get_object("manta", X, &GetOptions::default()).await;
        self.say("get after del wrong etag", object.map(|object| object.etag));
        // The client has no such option: this is why.
        let deleted =
            self.all("delObject", &[json!("manta"), json!(X), json!({"etag": null})]).await;
        self.say("del ABSENT cond", deleted.map(drop));
        self.get("get after del ABSENT", ("manta", X)).await;
    }

    async fn batch(&mut self, asked: &str, requests: &[BatchRequest]) {
        let etags = self.client.batch(requests, &BatchOptions::default()).await;
        self.say(asked, etags);
    }

    async fn batches(&mut self) {
        let key = |name: &str| format!("/u/stor/{name}");
        let put = |name: &str, value: Value, etag| {
            let bucket = "manta".to_owned();
            BatchRequest::Put { bucket, key: key(name), value, etag }
        };
        let delete = |name: &str, etag: Option<&str>| {
            let (bucket, etag) = ("manta".to_owned(), etag.map(str::to_owned));
            BatchRequest::Delete { bucket, key: key(name), etag }
        };
        let with_vnode = || json!({"dirname": "/u/stor", "vnode": 11});
        let without = || json!({"dirname": "/u/stor"});
        let two =
            [put("b1", with_vnode(), EtagCondition::Any), put("b2", without(), EtagCondition::Any)];
        self.batch("batch put 2", &two).await;
        let conflict =
            [put("b3", without(), EtagCondition::Any), put("b1", without(), EtagCondition::Absent)];
        self.batch("batch conflict rolls back", &conflict).await;
        self.get("get b3", ("manta", "/u/stor/b3")).await;
        self.batch("batch put wrong etag", &[put("b1", without(), is("DEADBEEF"))]).await;
        let over = [put("b1", without(), EtagCondition::Any)];
        self.batch("batch over vnode 11 without vnode", &over).await;
        self.batch("batch delete missing", &[delete("none", None)]).await;
        self.batch("batch delete wrong etag", &[delete("b2", Some("DEADBEEF"))]).await;
        self.batch("batch delete", &[delete("b2", None)]).await;
        self.batch("batch empty", &[]).await;
    }

    async fn sql(&mut self, asked: &str, statement: &str, values: &[Value], options: &SqlOptions) {
        let rows = async { self.client.sql(statement, values, options).await?.all().await };
        let rows = rows.await.map(|rows| {
            rows.into_iter().map(|row| Value::Object(row).to_string()).collect::<Vec<_>>()
        });
        self.say(asked, rows);
    }

    async fn statements(&mut self) {
        for (statement, values) in [
            (
                "select 1::int as i, 2::bigint as b, 1.5::numeric as n, 'x'::text as t, now() as ts, null as z, \
                 array[1,2] as a, true as bo",
                &[][..],
            ),
            ("select count(*) from manta where _vnode=$1", &[json!(3)]),
            ("select 1 where false", &[]),
            ("selec", &[]),
            ("select 1/0", &[]),
            ("select * from nosuch", &[]),
            ("select * from pg_sleep(0)", &[]),
            ("select _key, _vnode, _id from manta order by _id", &[]),
            ("show transaction_isolation", &[]),
            ("show synchronous_commit", &[]),
            ("show statement_timeout", &[]),
            ("show application_name", &[]),
            ("show idle_in_transaction_session_timeout", &[]),
            ("show search_path", &[]),
            ("show lock_timeout", &[]),
            ("show client_encoding", &[]),
            ("show extra_float_digits", &[]),
            ("select current_user::text, session_user::text", &[]),
        ] {
            self.sql(&format!("sql {statement}"), statement, values, &SqlOptions::default()).await;
        }
        let timeout = Some(Duration::from_millis(200));
        let options = SqlOptions { timeout, ..Default::default() };
        self.sql("sql timeout", "select pg_sleep(3)", &[], &options).await;
    }
}
