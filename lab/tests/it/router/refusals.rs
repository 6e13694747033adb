//! The requests that are refused, and what happens to a shard meanwhile.

use std::time::{Duration, Instant};

use fash::{RingEditor, StoreError, VnodeData};
use moray_client::{Client, ClientOptions, EtagCondition, GetOptions, PutOptions};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::region::{Region, enter_states};
use crate::servers::wait_until;

pub(super) async fn a_read_only_primary_says_so(region: &Region) {
    let directory = region.directory_on(0);
    let (server, _) = region.home(&directory);
    let set = |value: &str| {
        server.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
        server.sql("SELECT pg_reload_conf()");
    };
    let key = format!("{directory}/read-only");
    region.put(&key, &EtagCondition::Any).await.unwrap();
    set("on");
    let deadline = Instant::now() + Duration::from_secs(10);
    let refused = loop {
        match region.put(&key, &EtagCondition::Any).await {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < deadline, "the server still takes writes"),
        }
    };
    let error = refused.server_error().unwrap().to_string();
    assert_eq!(error, "error: cannot execute SELECT FOR UPDATE in a read-only transaction");
    region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap();
    set("off");
    region.eventually_put(&key).await;
}

pub(super) async fn a_restarted_primary_is_found_again(region: &mut Region) {
    let directories = [region.directory_on(0), region.directory_on(1)];
    region.postgres[0].stop();
    let deadline = Instant::now() + Duration::from_secs(30);
    // Sessions that were there end with the server, and each says so once, to whom it is given. Then a request waits for one.
    let refused = loop {
        let asked = Instant::now();
        let key = format!("{}/x", directories[0]);
        let error = region.put(&key, &EtagCondition::Any).await.unwrap_err();
        let said = error.server_error().unwrap().to_string();
        if said == "VError: Postgres client failed: Connection terminated unexpectedly" {
            assert!(error.outcome_unknown(), "{}", error.with_causes());
        } else {
            let overloaded = "NoDatabasePeersError: unable to acquire backend connection due to service \
                              being overloaded";
            assert_eq!(said, overloaded);
            let waited = asked.elapsed();
            assert!(waited > Duration::from_secs(1), "given up after {waited:?}");
            break error;
        }
        assert!(Instant::now() < deadline, "{}", error.with_causes());
    };
    assert!(refused.is_retryable(), "{}", refused.with_causes());
    region.put(&format!("{}/x", directories[1]), &EtagCondition::Any).await.unwrap();
    region.postgres[0].resume();
    region.eventually_put(&format!("{}/x", directories[0])).await;
}

pub(super) async fn the_ring_is_held(region: &mut Region) {
    for instance in 0..2 {
        let in_use = RingEditor::open(region.ring_path(instance)).unwrap_err();
        assert!(StoreError::holder(&in_use).is_some(), "{in_use}");
    }
    let status = status(region).await;
    assert_eq!(status["client_list"], json!(region.ring.pnodes()));
    let hosts = json!([{"host": "1.moray.lab.example.net"}, {"host": "2.moray.lab.example.net"}]);
    assert_eq!(status["index_shards"], hosts);
    assert_eq!(status["smf_fmri"], "svc:/smartdc/application/electric-moray:electric-moray-2021");
    region.stop_routers();
    let directory = region.directory_on(0);
    let (_, vnode) = region.home(&directory);
    for instance in 0..2 {
        let mut ring = RingEditor::open(region.ring_path(instance)).unwrap();
        ring.set_data(&[vnode], &VnodeData::read_only()).unwrap();
    }
    region.start_routers(&[1, 2], None);
    let key = format!("{directory}/x");
    let refused = region.put(&key, &EtagCondition::Any).await.unwrap_err();
    let words = "ReadOnlyError: some vnodes are in read-only mode";
    assert_eq!(refused.server_error().unwrap().to_string(), words);
    let object = region.eventually_get(&key).await;
    assert!(object.node.unwrap().is_read_only());
    region.eventually_put(&format!("{}/x", region.directory_on(1))).await;
    region.stop_routers();
    for instance in 0..2 {
        RingEditor::open(region.ring_path(instance))
            .unwrap()
            .set_data(&[vnode], &VnodeData::NONE)
            .unwrap();
    }
}

pub(super) async fn shards_are_refused(region: &mut Region) {
    let key = format!("{}/x", region.directory_on(1));
    let words = "ReadOnlyError: pnode \"tcp://2.moray.lab.example.net:2020\" is in read-only mode";
    for (listed, read_only) in [(&[1][..], None), (&[1, 2], Some(2))] {
        region.start_routers(listed, read_only);
        let refused = region.put(&key, &EtagCondition::Any).await.unwrap_err();
        assert_eq!(refused.server_error().unwrap().to_string(), words);
        region.eventually_get(&key).await;
        region.eventually_put(&format!("{}/x", region.directory_on(0))).await;
        region.stop_routers();
    }
}

async fn status(region: &Region) -> Value {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream =
        tokio::net::TcpStream::connect((region.router_zone.address, 4021)).await.unwrap();
    stream
        .write_all(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).unwrap()
}

/// The servers change places, and each gets the other shard's writes.
pub(super) async fn a_new_primary_is_followed(region: &Region) {
    let directory = region.directory_on(0);
    enter_states(&region.layout, 1).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let key = format!("{directory}/elsewhere");
    let there = format!("SELECT count(*) FROM manta WHERE _key = '{key}'");
    while region.postgres[1].sql(&there) == "0" {
        region.eventually_put(&key).await;
        assert!(Instant::now() < deadline, "Moray still writes to the old primary");
    }
    enter_states(&region.layout, 0).await;
    let key = format!("{directory}/back");
    let here = format!("SELECT count(*) FROM manta WHERE _key = '{key}'");
    while region.postgres[0].sql(&here) == "0" {
        region.eventually_put(&key).await;
        assert!(Instant::now() < deadline, "Moray still writes to the old primary");
    }
}

/// The primary waits for a standby that is not there, and is stopped.
pub(super) async fn a_commit_that_nobody_confirms_is_no_success(region: &mut Region) {
    let server = &mut region.postgres[0];
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.sql("SELECT pg_reload_conf()");
    let (client, key) = (region.client.clone(), format!("{}/unconfirmed", region.directory_on(0)));
    let put = || {
        let (client, key) = (client.clone(), key.clone());
        let value = json!({"dirname": "/unconfirmed", "name": "unconfirmed"});
        tokio::spawn(async move {
            client.put_object("manta", &key, &value, &PutOptions::default()).await
        })
    };
    let server = &mut region.postgres[0];
    let waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut putting = put();
    while server.sql(waiting) != "t" {
        assert!(Instant::now() < deadline, "the commit does not wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
        if putting.is_finished() {
            // The setting was not in force yet.
            putting.await.unwrap().unwrap();
            putting = put();
        }
    }
    server.stop();
    let error = putting.await.unwrap().unwrap_err();
    assert_eq!(error.server_error().unwrap().to_string(), "Error: Connection terminated");
    server.resume();
    assert_eq!(
        server.sql("SELECT count(*) FROM manta WHERE name = 'unconfirmed'"),
        "1",
        "it was committed all the same"
    );
    server.sql("ALTER SYSTEM RESET synchronous_standby_names");
    server.sql("SELECT pg_reload_conf()");
    wait_until("the setting is in force", || {
        server.sql("SHOW synchronous_standby_names").is_empty()
    });
}

/// Moray has sixteen sessions. Who comes later is nowhere in PostgreSQL until one of them is free.
pub(super) async fn requests_wait_for_a_session(region: &Region) {
    const PUTS: usize = 20;
    let directory = region.directory_on(0);
    let (server, _) = region.home(&directory);
    let lock = server.hold("LOCK TABLE manta IN SHARE ROW EXCLUSIVE MODE");
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..PUTS {
        let (client, key) = (region.client.clone(), format!("{directory}/queued-{number}"));
        let value = json!({"dirname": directory, "name": number.to_string()});
        puts.spawn(async move {
            client.put_object("manta", &key, &value, &PutOptions::default()).await.unwrap();
        });
    }
    let sessions = "SELECT count(*), bool_and(application_name = ''), \
                    bool_and(client_addr = '127.77.202.150') FROM pg_stat_activity WHERE usename = 'moray' AND state = 'active'";
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.sql(sessions) != "16|t|t" {
        assert!(Instant::now() < deadline, "waiting: {}", server.sql(sessions));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(puts.try_join_next().is_none());
    drop(lock);
    puts.join_all().await;
    let there = format!("SELECT count(*) FROM manta WHERE _key LIKE '{directory}/queued-%'");
    assert_eq!(server.sql(&there), PUTS.to_string());
}

/// A Moray is found by its entry. A registrar that is told to stop takes it out at once.
pub(super) async fn a_shard_without_entries_is_not_found(region: &mut Region) {
    let key = format!("{}/x", region.directory_on(1));
    region.eventually_put(&key).await;
    assert!(region.registrars[1].take().unwrap().stop(Signal::TERM));
    let deadline = Instant::now() + Duration::from_secs(10);
    let refused = loop {
        match region.put(&key, &EtagCondition::Any).await {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < deadline, "the Moray is still known"),
        }
    };
    assert_eq!(refused.server_error().unwrap().name.as_str(), "NoBackendsError");
    region.put(&format!("{}/x", region.directory_on(0)), &EtagCondition::Any).await.unwrap();
    region.start_registrars();
    region.eventually_put(&key).await;
}

/// Clients notice nothing of a router that does not run.
pub(super) async fn a_router_that_is_down_is_passed_over(region: &mut Region) {
    region.start_routers(&[1, 2], None);
    assert!(region.routers[0].take().unwrap().stop(Signal::TERM));
    for _ in 0..4 {
        let client = Client::new("127.77.202.20:2020", ClientOptions::default());
        assert_eq!(client.tokens().await.unwrap().len(), 2);
    }
}
