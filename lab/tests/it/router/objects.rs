//! The requests of clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use lab::seed;
use moray_client::{
    BatchOptions, BatchRequest, Client, ClientOptions, DeleteOptions, EtagCondition, FindOptions,
    GetOptions, PutOptions, Route, SqlOptions,
};
use serde_json::{Value, json};
use test_servers::Postgres;

use super::region::{OBJECTS, Region};

pub(super) async fn objects_come_and_go(region: &Region) {
    for shard in 0..2 {
        let directory = region.directory_on(shard);
        let key = format!("{directory}/é \"x\"");
        let (server, vnode) = region.home(&directory);
        let put = region.put(&key, &EtagCondition::Absent).await.unwrap();
        let node = put.node.unwrap();
        assert_eq!(
            (node.vnode, node.pnode.as_str()),
            (vnode.number().into(), region.ring.pnodes()[shard].as_str())
        );
        let conflict = region.put(&key, &EtagCondition::Absent).await.unwrap_err();
        assert!(conflict.is_etag_conflict());
        let words =
            format!("manta::{key} was expected to have etag \"null\", but was \"{}\"", put.etag);
        assert_eq!(conflict.server_error().unwrap().message, words);
        let again = region.put(&key, &EtagCondition::Is(put.etag.clone())).await.unwrap();
        assert_eq!(again.etag, put.etag, "the same value has the same etag");
        let wrong = EtagCondition::Is("00000000".to_owned());
        assert!(region.put(&key, &wrong).await.unwrap_err().is_etag_conflict());

        let object = region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap();
        assert_eq!(object.etag, put.etag);
        assert_eq!(object.value.get("vnode"), None);
        assert_eq!(object.value["key"], key.as_str());
        assert_eq!(object.node.unwrap().vnode, u64::from(vnode.number()));
        let row = format!(
            "SELECT _vnode, dirname, objectid, _value::json->>'vnode' FROM manta WHERE _key = '{key}'"
        );
        let name = "é \"x\"";
        assert_eq!(server.sql(&row), format!("{vnode}|{directory}|{name}|{vnode}"));
        let counts = format!(
            "SELECT entries, _vnode, _etag FROM manta_directory_counts WHERE _key = '{directory}'"
        );
        assert_eq!(server.sql(&counts), format!("1|{vnode}|_trigger"));
        let counter = region
            .client
            .get_object("manta_directory_counts", &directory, &GetOptions::default())
            .await;
        assert_eq!(counter.unwrap().value, json!({"entries": 1}));

        let delete = DeleteOptions { etag: Some("00000000".to_owned()), ..Default::default() };
        assert!(
            region
                .client
                .delete_object("manta", &key, &delete)
                .await
                .unwrap_err()
                .is_etag_conflict()
        );
        region.client.delete_object("manta", &key, &DeleteOptions::default()).await.unwrap();
        let gone =
            region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap_err();
        assert!(gone.is_not_found());
        assert_eq!(gone.server_error().unwrap().message, format!("manta::{key} does not exist"));
        assert_eq!(server.sql(&counts), "");
    }
    let unknown =
        region.client.get_object("nothing", "k", &GetOptions::default()).await.unwrap_err();
    assert_eq!(
        unknown.server_error().unwrap().to_string(),
        "BucketNotFoundError: nothing does not exist"
    );
    assert!(region.client.ping(false).await.unwrap_err().is_unsupported_method());
}

pub(super) async fn batches_leave_no_vnode(region: &Region) {
    let directory = region.directory_on(1);
    let (server, vnode) = region.home(&directory);
    let keys = ["a", "b"].map(|name| format!("{directory}/{name}"));
    region.put(&keys[0], &EtagCondition::Any).await.unwrap();
    let put = |key: &String| BatchRequest::Put {
        bucket: "manta".to_owned(),
        key: key.clone(),
        value: json!({"dirname": directory, "name": "batched"}),
        etag: EtagCondition::Any,
    };
    let upload = BatchRequest::Put {
        bucket: "manta_uploads".to_owned(),
        key: format!("x:{}", keys[0]),
        value: json!({"uploadId": "x", "finalizingType": "commit"}),
        etag: EtagCondition::Absent,
    };
    let requests = [put(&keys[0]), put(&keys[1]), upload.clone()];
    let etags = region.client.batch(&requests, &BatchOptions::default()).await.unwrap();
    assert_eq!(etags.len(), 3);
    let nulls =
        format!("SELECT count(*) FROM manta WHERE dirname = '{directory}' AND _vnode IS NULL");
    assert_eq!(server.sql(&nulls), "2");
    assert_eq!(
        server.sql("SELECT count(*) FROM manta_uploads WHERE uploadid = 'x' AND _vnode IS NULL"),
        "1"
    );
    // All or nothing: the upload is there already.
    let delete =
        BatchRequest::Delete { bucket: "manta".to_owned(), key: keys[1].clone(), etag: None };
    let failed =
        region.client.batch(&[delete.clone(), upload], &BatchOptions::default()).await.unwrap_err();
    assert!(failed.is_etag_conflict());
    assert_eq!(server.sql(&nulls), "2");
    region.client.batch(&[delete], &BatchOptions::default()).await.unwrap();
    assert_eq!(server.sql(&nulls), "1");
    region.put(&keys[0], &EtagCondition::Any).await.unwrap();
    let row = format!("SELECT _vnode FROM manta WHERE _key = '{}'", keys[0]);
    assert_eq!(server.sql(&row), vnode.to_string());
}

pub(super) async fn searches_find(region: &Region) {
    let directory = format!("{}/search", region.directory_on(0));
    for number in 0..7 {
        region.put(&format!("{directory}/{number}"), &EtagCondition::Any).await.unwrap();
    }
    let sort =
        moray_client::Sort { attribute: "name".to_owned(), order: moray_client::Order::Descending };
    let options = FindOptions {
        route: Some(Route::HashKey(directory.clone())),
        limit: Some(3),
        offset: Some(1),
        sort: Some(sort),
        ..Default::default()
    };
    let filter = format!("(&(dirname={directory})(objectId=*))");
    let found =
        region.client.find_objects("manta", &filter, &options).await.unwrap().all().await.unwrap();
    let names: Vec<_> = found.iter().map(|object| object.value["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["5", "4", "3"]);
    assert!(
        found.iter().all(|object| object.count == Some(7) && object.value.get("vnode").is_none())
    );
    let without = FindOptions { route: None, ..options.clone() };
    let refused = region
        .client
        .find_objects("manta", &filter, &without)
        .await
        .unwrap()
        .all()
        .await
        .unwrap_err();
    let words = "Error: Invalid search request, requires either token or hashkey";
    assert_eq!(refused.server_error().unwrap().to_string(), words);
    let refused = region
        .client
        .find_objects("manta", "(size=1)", &options)
        .await
        .unwrap()
        .all()
        .await
        .unwrap_err();
    assert_eq!(refused.server_error().unwrap().name.as_str(), "InvalidQueryError");
}

pub(super) async fn all_shards_are_asked(region: &Region) {
    let names: Vec<_> = region.ring.pnodes().iter().map(ToString::to_string).collect();
    assert_eq!(region.client.tokens().await.unwrap(), names);
    let sql = "SELECT inet_server_addr()::text AS server, $1::int + 1 AS number, 5000000000 AS big, NULL AS nothing, \
               1.50::numeric AS numeric, true AS yes";
    let rows = region
        .client
        .sql(sql, &[json!(41)], &SqlOptions::default())
        .await
        .unwrap()
        .all()
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0]["server"], rows[1]["server"]);
    for row in rows {
        assert_eq!((&row["number"], &row["big"]), (&json!(42), &json!("5000000000")));
        assert_eq!(
            (&row["nothing"], &row["numeric"], &row["yes"]),
            (&json!(null), &json!(1.5), &json!(true))
        );
    }
    let wrong = region
        .client
        .sql("SELECT 1/0", &[], &SqlOptions::default())
        .await
        .unwrap()
        .all()
        .await
        .unwrap_err();
    let words = "MultiError: first of 2 errors: division by zero";
    assert_eq!(wrong.server_error().unwrap().to_string(), words);

    let call = async |method: &str, args: Vec<Value>| {
        region.client.call(method, &args, moray_client::Nulls::Ignore).await.unwrap().all().await
    };
    let config = json!({"index": {"name": {"type": "string"}, "size": {"type": "number"}}, "options": {"version": 3}});
    let create = || call("createBucket", vec![json!("canaries"), config.clone(), json!({})]);
    create().await.unwrap();
    let again = create().await.unwrap_err().server_error().unwrap().to_string();
    let words = "MultiError: first of 2 errors: canaries was likely being concurrently updated";
    assert_eq!(again, words);
    let bucket = call("getBucket", vec![json!({}), json!("canaries")]).await.unwrap();
    assert_eq!(bucket[0]["name"], "canaries");
    let value = json!({"name": "tweety", "size": 12, "song": [1.5, null]});
    region.client.put_object("canaries", "k", &value, &PutOptions::default()).await.unwrap();
    let object = region.client.get_object("canaries", "k", &GetOptions::default()).await.unwrap();
    assert_eq!(object.value, value);
    let moray = Client::new("127.77.202.150:2020", ClientOptions::default());
    moray.ping(true).await.unwrap();
    assert_eq!(moray.version().await.unwrap(), 2);
    assert!(moray.tokens().await.unwrap_err().is_unsupported_method());
}

/// Finds what was loaded: by key, by its count, and at its owner.
pub(super) async fn what_was_there_is_found(region: &Region) {
    let mut entries = HashMap::new();
    for (number, row) in seed::objects(1, OBJECTS, &region.ring).enumerate() {
        if row.bucket == "manta" {
            *entries.entry(row.columns[0].clone().unwrap()).or_insert(0) += 1;
        }
        let routed = row.bucket == "manta" || row.bucket == "manta_uploads";
        if routed && number % 97 == 0 {
            let object = region
                .client
                .get_object(row.bucket, &row.key, &GetOptions::default())
                .await
                .unwrap();
            let mut value: Value = serde_json::from_str(&row.value).unwrap();
            value.as_object_mut().unwrap().remove("vnode");
            assert_eq!((object.value, object.etag), (value, row.etag));
        }
    }
    for (directory, count) in entries.iter().take(50) {
        let counter = region
            .client
            .get_object("manta_directory_counts", directory, &GetOptions::default())
            .await;
        assert_eq!(counter.unwrap().value["entries"], *count);
    }
    for (server, pnode) in region.postgres.iter().zip(region.ring.pnodes()) {
        let vnodes = server.sql("SELECT DISTINCT _vnode FROM manta WHERE _vnode IS NOT NULL");
        for vnode in vnodes.lines() {
            assert_eq!(region.ring.node(vnode.parse().unwrap()).unwrap().pnode, pnode);
        }
    }
}

pub(super) async fn puts_at_once(region: &Region) {
    const PUTS: u32 = 3000;
    let next = Arc::new(AtomicU32::new(0));
    let mut workers = tokio::task::JoinSet::new();
    let began = Instant::now();
    let options = ClientOptions { connections: 4.try_into().unwrap(), ..Default::default() };
    let client = Client::new("127.77.202.20:2020", options);
    for _ in 0..32 {
        let (client, next) = (client.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= PUTS {
                    return;
                }
                // Every new key twice and at once, which is a race.
                let (directory, name) = (number / 2 % 100, number / 2);
                let key = format!("/load/stor/{directory}/{name}");
                let value =
                    json!({"dirname": format!("/load/stor/{directory}"), "name": name.to_string()});
                client.put_object("manta", &key, &value, &PutOptions::default()).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    println!("{:.0} puts a second", f64::from(PUTS) / began.elapsed().as_secs_f64());
    let count = |server: &Postgres| -> u32 {
        server.sql("SELECT count(*) FROM manta WHERE _key LIKE '/load/%'").parse().unwrap()
    };
    assert_eq!(region.postgres.iter().map(count).sum::<u32>(), PUTS / 2);
    let entries = |server: &Postgres| -> u32 {
        let sql = "SELECT coalesce(sum(entries), 0) FROM manta_directory_counts WHERE _key LIKE '/load/%'";
        server.sql(sql).parse().unwrap()
    };
    assert_eq!(region.postgres.iter().map(entries).sum::<u32>(), PUTS / 2);
}

/// muskie tells what it overwrites or deletes, and the delete log has it.
pub(super) async fn deletions_are_logged(region: &Region) {
    let directory = region.directory_on(0);
    let (server, _) = region.home(&directory);
    let key = format!("{directory}/logged");
    let put = async |object: &str, headers: Value| {
        let headers = headers.as_object().unwrap().clone();
        let options = PutOptions { headers, ..Default::default() };
        let value = json!({"dirname": directory, "objectId": object});
        region.client.put_object("manta", &key, &value, &options).await.unwrap();
    };
    let log = "SELECT string_agg(objectid, ',' ORDER BY _id) FROM manta_delete_log \
               WHERE objectid IN ('one', 'two') AND _vnode IS NULL";
    put("one", json!({})).await;
    put("one", json!({"x-muskie-prev-metadata": {"objectId": "one"}})).await;
    assert_eq!(server.sql(log), "", "it is the same object");
    put("two", json!({"x-muskie-prev-metadata": {"objectId": "one"}})).await;
    assert_eq!(server.sql(log), "one");
}
