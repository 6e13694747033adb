//! The operations of `postgres-gone-at-commit.txt`: the session of each is ended while it waits, at COMMIT, for a standby
//! that is not there. All of them were committed nonetheless.

use moray_client::{
    BatchOptions, BatchRequest, Client, DeleteOptions, Error, EtagCondition, GetOptions, PutOptions,
};
use serde_json::json;
use test_servers::Postgres;

use super::Answers;
use super::recording::Said;
use crate::servers::wait_until;

const OLD: &str = "/t/old42";
const WAITING: &str = "pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'moray'";

/// Asks a Moray everything.
pub(super) async fn ask(client: &Client, server: &Postgres) -> Answers {
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.sql("SELECT pg_reload_conf()");
    wait_until("the setting is in force", || {
        server.sql("SHOW synchronous_standby_names") == "nobody"
    });
    let put = |key: &'static str| async move {
        let options = PutOptions::default();
        let value = json!({"dirname": "/gone", "vnode": 42});
        client.put_object("manta", key, &value, &options).await.map(drop)
    };
    let delete = async { client.delete_object("manta", OLD, &DeleteOptions::default()).await };
    let batch = async {
        let request = BatchRequest::Put {
            bucket: "manta".to_owned(),
            key: "/gone/batch".to_owned(),
            value: json!({"dirname": "/gone"}),
            etag: EtagCondition::Any,
        };
        client.batch(&[request], &BatchOptions::default()).await.map(drop)
    };
    let mut said = Vec::new();
    said.push(terminated("put 41", put("/gone/41"), server).await);
    said.push(terminated("put 42", put("/gone/42"), server).await);
    said.push(terminated("put over old42", put(OLD), server).await);
    said.push(terminated("del old42", delete, server).await);
    said.push(terminated("batch", batch, server).await);
    let committed = "SELECT string_agg(_key, ' ' ORDER BY _key) FROM manta WHERE dirname = '/gone'";
    assert_eq!(server.sql(committed), "/gone/41 /gone/42 /gone/batch");
    let gone = client.get_object("manta", OLD, &GetOptions::default()).await;
    said.push(Said::new("get old42", shown(&gone.unwrap_err())));
    said
}

/// The answer to a write whose session ends during COMMIT.
async fn terminated(
    asked: &str,
    write: impl Future<Output = Result<(), Error>>,
    server: &Postgres,
) -> Said {
    let mut write = Box::pin(write);
    let count = format!("SELECT count(*) FROM {WAITING}");
    let end = format!("SELECT pg_terminate_backend(pid) FROM {WAITING}");
    let error = loop {
        let tick = tokio::time::sleep(std::time::Duration::from_millis(20));
        tokio::select! {
            result = &mut write => break result.unwrap_err(),
            () = tick => if server.sql(&count) == "1" {
                server.sql(&end);
            },
        }
    };
    assert!(error.outcome_unknown() && !error.is_retryable(), "{}", error.with_causes());
    Said::new(asked, shown(&error))
}

fn shown(error: &Error) -> String {
    format!("ERR {}", error.with_causes())
}
