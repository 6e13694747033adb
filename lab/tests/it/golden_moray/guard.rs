//! The operations of `guard-refusals.txt`: a trigger refuses what vnode 42 has or would have.

use moray_client::{
    BatchOptions, BatchRequest, Client, DeleteOptions, Error, EtagCondition, Nulls, PutOptions,
    SqlOptions,
};
use serde_json::{Value, json};
use test_servers::Postgres;

use super::Answers;
use super::recording::{Said, refusal};

const OLD: &str = "/t/old42";

const GUARD: &str = "
    CREATE FUNCTION refuse_42() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF (TG_OP <> 'INSERT' AND OLD._vnode = 42) OR (TG_OP <> 'DELETE' AND NEW._vnode = 42) THEN
            RAISE EXCEPTION 'vnode 42 is in read-only mode' USING ERRCODE = 'RS001';
        END IF;
        RETURN coalesce(NEW, OLD);
    END $$;
    CREATE TRIGGER refuse_42 BEFORE INSERT OR UPDATE OR DELETE ON manta
        FOR EACH ROW EXECUTE PROCEDURE refuse_42();";

struct Guarded<'a> {
    client: &'a Client,
    said: Answers,
}

fn value(vnode: Option<u32>) -> Value {
    let mut value =
        json!({"dirname": "/t", "name": "x", "owner": "o", "type": "object", "objectId": "i"});
    if let Some(vnode) = vnode {
        value["vnode"] = vnode.into();
    }
    value
}

/// Asks a Moray everything, with the trigger in its database. Leaves it without.
pub(super) async fn ask(client: &Client, server: &Postgres) -> Answers {
    let row = format!(
        "INSERT INTO manta (_key, _value, _etag, _vnode, dirname, name, owner, objectid, type)
         VALUES ('{OLD}', '{}', 'AAAAAAAA', 42, '/t', 'x', 'o', 'i', 'object')",
        value(Some(42))
    );
    server.sql(&format!("{row}; {GUARD}"));
    let mut guarded = Guarded { client, said: Vec::new() };
    guarded.all().await;
    server.sql("DROP FUNCTION refuse_42 CASCADE");
    guarded.said
}

impl Guarded<'_> {
    fn say(&mut self, asked: &str, result: Result<Value, Error>) {
        let answer = match result {
            Ok(value) => format!("OK {value}"),
            Err(error) => {
                let error = error.server_error().unwrap();
                let context = error.context.as_deref().unwrap();
                refusal(error.name.as_str(), &error.message, context)
            }
        };
        self.said.push(Said::new(asked, answer));
    }

    async fn put(&mut self, asked: &str, key: &str, vnode: Option<u32>, etag: EtagCondition) {
        let options = PutOptions { etag, ..Default::default() };
        let put = self.client.put_object("manta", key, &value(vnode), &options).await;
        self.say(asked, put.map(|put| json!({"etag": put.etag})));
    }

    async fn get(&mut self, asked: &str, key: &str) {
        let args = [json!("manta"), json!(key), json!({"noCache": true})];
        self.call(asked, "getObject", &args).await;
    }

    async fn delete(&mut self, asked: &str, key: &str, etag: Option<&str>) {
        let options = DeleteOptions { etag: etag.map(str::to_owned), ..Default::default() };
        let deleted = self.client.delete_object("manta", key, &options).await;
        self.say(asked, deleted.map(|()| json!({})));
    }

    async fn batch(&mut self, asked: &str, requests: &[BatchRequest]) {
        let etags = self.client.batch(requests, &BatchOptions::default()).await;
        self.say(asked, etags.map(|etags| json!({"etags": etags})));
    }

    async fn sql(&mut self, asked: &str, statement: &str) {
        let rows =
            async { self.client.sql(statement, &[], &SqlOptions::default()).await?.all().await };
        let row = rows.await.map(|rows| rows.into_iter().next().map_or(json!({}), Value::Object));
        self.say(asked, row);
    }

    async fn call(&mut self, asked: &str, method: &str, args: &[Value]) {
        let values = async { self.client.call(method, args, Nulls::Ignore).await?.all().await };
        let first = values.await.map(|values| values.into_iter().next().unwrap_or(json!({})));
        self.say(asked, first);
    }

    async fn all(&mut self) {
        let put = |key: &str, vnode| BatchRequest::Put {
            bucket: "manta".to_owned(),
            key: key.to_owned(),
            value: value(vnode),
            etag: EtagCondition::Any,
        };
        let wrong = || EtagCondition::Is("DEADBEEF".to_owned());
        let pid = "SELECT pg_backend_pid() AS p";
        self.sql("pid", pid).await;
        let any = EtagCondition::Any;
        self.put("putObject new, vnode 41 (free)", "/t/free", Some(41), any.clone()).await;
        self.put("putObject new, vnode 42 (blocked)", "/t/blocked", Some(42), any.clone()).await;
        self.get("getObject of it", "/t/blocked").await;
        let over = "putObject over /t/old42 (row of vnode 42)";
        self.put(over, OLD, Some(41), any.clone()).await;
        self.put("putObject over /t/old42 with wrong etag", OLD, Some(41), wrong()).await;
        self.put("putObject over /t/old42, value has no vnode", OLD, None, any.clone()).await;
        self.delete("delObject /t/old42", OLD, None).await;
        self.delete("delObject /t/old42 wrong etag", OLD, Some("DEADBEEF")).await;
        self.delete("delObject missing", "/t/none", None).await;
        let two = [put("/t/bfree", Some(41)), put("/t/bblocked", Some(42))];
        self.batch("batch [free 41, blocked 42]", &two).await;
        self.get("getObject /t/bfree (must not exist)", "/t/bfree").await;
        self.batch("batch put over old42 without vnode", &[put(OLD, None)]).await;
        let (bucket, key) = ("manta".to_owned(), OLD.to_owned());
        let delete = BatchRequest::Delete { bucket, key, etag: None };
        self.batch("batch delete old42", &[delete]).await;
        let fields = json!({"type": "object"});
        let args = [json!("manta"), fields, json!("(dirname=/t)"), json!({})];
        self.call("updateObjects type=object", "updateObjects", &args).await;
        let args = [json!("manta"), json!("(dirname=/t)"), json!({})];
        self.call("deleteMany dirname=/t", "deleteMany", &args).await;
        self.sql("sql update", "UPDATE manta SET type = 'object' WHERE dirname = '/t'").await;
        self.get("getObject /t/old42 (unchanged)", OLD).await;
        self.put("putObject vnode 41 again", "/t/free", Some(41), any).await;
        self.sql("pid", pid).await;
    }
}
