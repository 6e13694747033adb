//! A guard in the database that refuses what a vnode has or would have, as `golden_moray` has it, but after the row is written, and
//! with the mark in its words.

use moray_client::{
    BatchOptions, BatchRequest, DeleteOptions, Error, EtagCondition, Nulls, PutOptions, SqlOptions,
};
use serde_json::{Value, json};

use super::switch::{SESSIONS, Switch, put};

const OLD: &str = "/guarded/old";
const WORDS: &str = "RS001 vnode 42 is being moved by plan 7: try again";

const GUARD: &str = "
    CREATE SEQUENCE refused;
    CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF (TG_OP <> 'INSERT' AND OLD._vnode = 42) OR (TG_OP <> 'DELETE' AND NEW._vnode = 42) THEN
            PERFORM nextval('public.refused');
            RAISE EXCEPTION 'RS001 vnode 42 is being moved by plan 7: try again' USING ERRCODE = 'RS001';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER guard AFTER INSERT OR UPDATE OR DELETE ON manta
        FOR EACH ROW EXECUTE PROCEDURE guard();";

/// Every kind of write is refused once, whole, in the guard's own words, and its session goes on.
pub(super) async fn a_guard_has_its_own_words(switch: &Switch) {
    let (server, client) = (&switch.postgres[0], &switch.client);
    let put_old = put(client, OLD, 42).await.unwrap();
    let sessions = "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity WHERE usename = 'moray'";
    server.sql(GUARD);
    let before = server.sql(sessions);

    let mut refused = vec![
        put(client, "/guarded/new", 42).await.unwrap_err(),
        put(client, OLD, 41).await.unwrap_err(),
    ];
    let wrong = EtagCondition::Is("DEADBEEF".to_owned());
    let options = PutOptions { etag: wrong, ..PutOptions::default() };
    let conflict = client.put_object("manta", OLD, &json!({"vnode": 42}), &options).await;
    assert!(conflict.unwrap_err().is_etag_conflict(), "a put compares before it writes");
    for etag in [None, Some(put_old.etag.clone()), Some("DEADBEEF".to_owned())] {
        let options = DeleteOptions { etag, ..DeleteOptions::default() };
        refused.push(client.delete_object("manta", OLD, &options).await.unwrap_err());
    }
    let missing = client.delete_object("manta", "/none", &DeleteOptions::default()).await;
    assert!(missing.unwrap_err().is_not_found());
    let both =
        [("/guarded/free", 41), ("/guarded/batched", 42)].map(|(key, vnode)| BatchRequest::Put {
            bucket: "manta".to_owned(),
            key: key.to_owned(),
            value: json!({"dirname": "/t", "vnode": vnode}),
            etag: EtagCondition::Any,
        });
    refused.push(client.batch(&both, &BatchOptions::default()).await.unwrap_err());
    let fields = json!({"type": "directory"});
    let args = [json!("manta"), fields, json!("(dirname=/t)"), json!({})];
    refused.push(call(switch, "updateObjects", &args).await.unwrap_err());
    let args = [json!("manta"), json!("(dirname=/t)"), json!({})];
    refused.push(call(switch, "deleteMany", &args).await.unwrap_err());
    let sql = "UPDATE manta SET type = 'directory' WHERE dirname = '/t'";
    let rows = async { client.sql(sql, &[], &SqlOptions::default()).await?.all().await };
    refused.push(rows.await.unwrap_err());

    for error in &refused {
        let said = error.server_error().unwrap();
        assert_eq!((said.name.as_str(), said.message.as_str()), ("error", WORDS));
        assert_eq!(said.context.as_deref(), Some(&json!({})));
        assert!(!error.outcome_unknown() && !error.is_retryable(), "{}", error.with_causes());
    }
    assert_eq!(server.sql("SELECT last_value FROM refused"), refused.len().to_string());
    assert_eq!(switch.rows(0, "/guarded/"), 1, "nothing else is there");
    assert_eq!(server.sql("SELECT count(*) FROM manta WHERE type = 'directory'"), "0");
    assert_eq!(server.sql(sessions), before, "no session has ended");
    assert_eq!(before.split(' ').count(), SESSIONS);

    server.sql("DROP FUNCTION guard CASCADE; DROP SEQUENCE refused");
    many_at_once(switch).await;
}

/// Without the guard both do what they are for.
async fn many_at_once(switch: &Switch) {
    for number in 0..3 {
        put(&switch.client, &format!("/many/{number}"), 41).await.unwrap();
    }
    let filter = "(&(dirname=/t)(_key>=/many/)(_key<=/many/9))";
    let args = [json!("manta"), json!({"type": "directory"}), json!(filter), json!({})];
    let updated = call(switch, "updateObjects", &args).await.unwrap();
    assert_eq!(updated["count"], 3);
    let etag = updated["etag"].as_str().unwrap();
    let sql = format!("SELECT count(*) FROM manta WHERE type = 'directory' AND _etag = '{etag}'");
    assert_eq!(switch.postgres[0].sql(&sql), "3");
    let args = [json!("manta"), json!({"size": 1}), json!(filter), json!({})];
    let error = call(switch, "updateObjects", &args).await.unwrap_err();
    let words = r#"NotIndexedError: manta does not have indexes that support {"size":1}"#;
    assert_eq!(error.server_error().unwrap().to_string(), words);
    let args = [json!("manta"), json!(filter), json!({"limit": 2})];
    assert_eq!(call(switch, "deleteMany", &args).await.unwrap()["count"], 2);
    assert_eq!(switch.rows(0, "/many/"), 1);
}

async fn call(switch: &Switch, method: &str, args: &[Value]) -> Result<Value, Error> {
    let values = switch.client.call(method, args, Nulls::Ignore).await?.all().await?;
    Ok(values.into_iter().next().unwrap())
}
