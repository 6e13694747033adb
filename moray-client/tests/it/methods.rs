//! The methods against the crate's own server, and what they send against recorded requests.

use moray_client::{
    BatchOptions, BatchRequest, Body, Client, ClientOptions, DeleteOptions, Error, ErrorName,
    EtagCondition, FindOptions, GetOptions, PutOptions, Reply, Request, RequestId, Route, Server,
    ServerError, SqlOptions, Version,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::frames::recorded;
use crate::store::{PNODE, Store, VNODE};

async fn store() -> (Server, Client) {
    let server = Server::start("127.0.0.1:0", Store::default()).await.unwrap();
    let client = Client::new(server.address().to_string(), ClientOptions::default());
    (server, client)
}

#[tokio::test]
async fn an_object_is_put_got_and_deleted_under_conditions() {
    let (_server, client) = store().await;
    let (bucket, key) =
        ("manta", "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/é/日本 😀\n\"a:b\u{0}'.txt");
    let value = json!({"s": "é😀", "n": u64::MAX, "f": 0.1});
    let missing = client.get_object(bucket, key, &GetOptions::default()).await.unwrap_err();
    assert!(missing.is_not_found());

    let new = PutOptions { etag: EtagCondition::Absent, ..Default::default() };
    let put = client.put_object(bucket, key, &value, &new).await.unwrap();
    let node = put.node.unwrap();
    assert_eq!((node.pnode.as_str(), node.vnode, node.is_read_only()), (PNODE, VNODE, false));
    let object = client.get_object(bucket, key, &GetOptions::default()).await.unwrap();
    assert_eq!((object.key.as_str(), &object.value, &object.etag), (key, &value, &put.etag));
    assert_eq!(object.value_for_shard().unwrap()["vnode"], VNODE);

    let conflict = client.put_object(bucket, key, &value, &new).await.unwrap_err();
    assert!(conflict.is_etag_conflict() && !conflict.is_retryable());
    let context = conflict.server_error().unwrap().context.clone().unwrap();
    assert_eq!((&context["expected"], &context["actual"]), (&json!("null"), &json!(put.etag)));

    let same = PutOptions { etag: EtagCondition::Is(put.etag.clone()), ..Default::default() };
    let second = client.put_object(bucket, key, &json!({}), &same).await.unwrap();
    assert_ne!(second.etag, put.etag);
    client.put_object(bucket, key, &value, &PutOptions::default()).await.unwrap();

    let stale = DeleteOptions { etag: Some(put.etag), ..Default::default() };
    assert!(client.delete_object(bucket, key, &stale).await.unwrap_err().is_etag_conflict());
    client.delete_object(bucket, key, &DeleteOptions::default()).await.unwrap();
    let gone = client.delete_object(bucket, key, &DeleteOptions::default()).await;
    assert!(gone.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_read_only_vnode_is_told_apart() {
    let (_server, client) = store().await;
    let put = client.put_object("manta", "/readonly/x", &json!({}), &PutOptions::default()).await;
    let error = put.unwrap_err();
    assert!(error.is_read_only() && error.is_retryable() && !error.outcome_unknown());
    let text = "putObject was refused: ReadOnlyError: some vnodes are in read-only mode";
    assert_eq!(error.with_causes(), text);
}

#[tokio::test]
async fn objects_are_found_by_key_or_token() {
    let (_server, client) = store().await;
    for number in 0..100 {
        let value = json!({"dirname": "/u/stor", "number": number});
        let key = format!("/u/stor/{number:03}");
        client.put_object("manta", &key, &value, &PutOptions::default()).await.unwrap();
    }
    let unrouted = client.find_objects("manta", "(dirname=/u/stor)", &FindOptions::default()).await;
    let error = unrouted.unwrap().next().await.unwrap_err();
    assert_eq!(error.server_error().unwrap().name, ErrorName::Invocation);

    let token = client.tokens().await.unwrap().remove(0);
    for route in [Route::HashKey("/u/stor".to_owned()), Route::Token(token)] {
        let options = FindOptions { route: Some(route), no_count: true, ..Default::default() };
        let mut found = client.find_objects("manta", "(dirname=/u/stor)", &options).await.unwrap();
        assert_eq!(found.next().await.unwrap().unwrap().value["number"], 0);
        assert_eq!(found.all().await.unwrap().len(), 99);
    }
}

#[tokio::test]
async fn a_batch_is_done_wholly_or_not_at_all() {
    let (_server, client) = store().await;
    let put = |key: &str, etag| BatchRequest::Put {
        bucket: "manta".to_owned(),
        key: key.to_owned(),
        value: json!({}),
        etag,
    };
    let both = [put("a", EtagCondition::Absent), put("b", EtagCondition::Any)];
    let etags = client.batch(&both, &BatchOptions::default()).await.unwrap();
    assert_eq!(etags[1].key, "b");
    let delete = BatchRequest::Delete {
        bucket: "manta".to_owned(),
        key: "b".to_owned(),
        etag: etags[1].etag.clone(),
    };
    let mixed = [delete.clone(), put("a", EtagCondition::Absent)];
    let error = client.batch(&mixed, &BatchOptions::default()).await.unwrap_err();
    assert!(error.is_etag_conflict());
    client.get_object("manta", "b", &GetOptions::default()).await.unwrap();
    let etags = client.batch(&[delete], &BatchOptions::default()).await.unwrap();
    assert_eq!(etags[0].etag, None);
}

#[tokio::test]
async fn rows_come_without_the_nulls_that_electric_moray_adds() {
    let (_server, client) = store().await;
    let rows = client.sql("SELECT $1::int AS one", &[json!(1)], &SqlOptions::default()).await;
    let rows = rows.unwrap().all().await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["one"], 1);
}

#[tokio::test]
async fn methods_of_moray_are_unsupported_by_electric_moray() {
    let (_server, client) = store().await;
    assert_eq!(client.tokens().await.unwrap(), [PNODE]);
    assert!(client.ping(true).await.unwrap_err().is_unsupported_method());
    assert!(client.version().await.unwrap_err().is_unsupported_method());
}

/// The requests that a client sends, recorded by a server that refuses everything.
async fn sent(version: Version) -> (Server, Client, mpsc::UnboundedReceiver<Request>) {
    let (sender, requests) = mpsc::unbounded_channel();
    let handler = move |request: Request, _: Reply| {
        sender.send(request).unwrap();
        async { Err(ServerError::new(ErrorName::Internal, "no")) }
    };
    let server = Server::start("127.0.0.1:0", handler).await.unwrap();
    let options = ClientOptions { version, ..Default::default() };
    let client = Client::new(server.address().to_string(), options);
    (server, client, requests)
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert_eq!(result.unwrap_err().server_error().unwrap().name, ErrorName::Internal);
}

#[tokio::test]
async fn requests_are_those_of_the_recorded_frames() {
    let id: uuid::Uuid = "c1a1e1b2-5c1e-4b6f-8a53-1f7e2b8f1133".parse().unwrap();
    let request_id = RequestId::new(id);
    let key = "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/é/日本.txt";
    let stor = "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor";
    for version in [Version::V1, Version::V2] {
        let (_server, client, mut requests) = sent(version).await;
        let get = GetOptions { request_id, ..Default::default() };
        refused(client.get_object("manta", key, &get).await);
        let put = PutOptions { request_id, etag: EtagCondition::Absent, ..Default::default() };
        let value = json!({"a": 1, "s": "é😀"});
        refused(client.put_object("manta_canary", "k1", &value, &put).await);
        let delete = DeleteOptions { request_id, ..Default::default() };
        refused(client.delete_object("manta_canary", "k1", &delete).await);
        let find = FindOptions {
            request_id,
            limit: Some(10),
            no_count: true,
            route: Some(Route::HashKey(stor.to_owned())),
            ..Default::default()
        };
        let filter = format!("(dirname={stor})");
        refused(client.find_objects("manta", &filter, &find).await.unwrap().all().await);
        let sql = SqlOptions {
            request_id,
            timeout: Some(std::time::Duration::from_secs(5)),
            ..Default::default()
        };
        let statement = "SELECT $1::int AS one";
        refused(client.sql(statement, &[json!(1)], &sql).await.unwrap().all().await);
        refused(client.tokens().await);
        refused(client.ping(true).await);

        for method in
            ["getObject", "putObject", "delObject", "findObjects", "sql", "getTokens", "ping"]
        {
            let request = requests.recv().await.unwrap();
            assert_eq!((request.method.as_str(), request.version), (method, version));
            let frames = recorded();
            let frame = frames
                .iter()
                .find(|frame| frame.what.starts_with(&format!("{method} request")))
                .unwrap();
            let expected: Value = serde_json::from_str(&frame.json).unwrap();
            let mut args = Value::from(request.args);
            let options = args.as_array_mut().unwrap().last_mut().unwrap().as_object_mut().unwrap();
            if method == "sql" {
                assert_eq!(options.remove("readOnlyOverride"), Some(json!(false)));
            }
            if ["getTokens", "ping"].contains(&method) {
                // Their ids cannot be chosen.
                let id: uuid::Uuid = options["req_id"].as_str().unwrap().parse().unwrap();
                assert_eq!(id.get_version_num(), 4);
                options["req_id"] = request_id.to_string().into();
            }
            assert_eq!(args, expected["d"], "{method}");
        }
    }
}

#[tokio::test]
async fn the_answer_comes_in_the_version_of_the_request() {
    use crate::raw::RawServer;
    let server = RawServer::start().await;
    let client = server.client(&ClientOptions { version: Version::V1, ..Default::default() });
    let get = tokio::spawn(async move { client.version().await });
    let mut peer = server.accept().await;
    let request = peer.receive().await.unwrap();
    assert_eq!(request.version, Version::V1);
    assert_eq!(request.method.as_deref(), Some("version"));
    // An old server: the value is in the end, in a frame of version 1, with text beyond ASCII.
    let end = Body::End(vec![json!({"version": 1, "é": "日本😀"})]);
    peer.send_bytes(&crate::raw::bytes_of(Version::V1, request.id, end)).await;
    assert_eq!(get.await.unwrap().unwrap(), 1);
}
