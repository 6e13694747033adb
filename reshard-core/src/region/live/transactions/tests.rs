//! The words of a real server about open and prepared transactions.

use std::process::Command;

use manatee_client::PgEndpoint;
use test_servers::Chain;

use super::*;
use crate::region::transactions::how_to_end;

const STATEMENT: Duration = Duration::from_secs(5);

fn prepared(gid: &str) -> OpenTransaction {
    let holder = Holder::Prepared { gid: gid.to_owned(), owner: "moray".to_owned() };
    OpenTransaction { holder, seconds: 9 }
}

#[test]
fn what_a_database_says_is_never_read_by_a_shell() {
    let at: PgEndpoint = "tcp://postgres@10.0.0.1:5432/postgres".parse().unwrap();
    let psql = "psql -h 10.0.0.1 -p 5432 -U postgres -d moray -c";
    let plain = prepared("job-7");
    assert_eq!(plain.end_with(&at), format!("{psql} \"ROLLBACK PREPARED 'job-7'\""));
    let nasty = prepared("a'; DROP TABLE manta; --\"$(id)\u{1b}");
    assert_eq!(nasty.end_with(&at), format!("{psql} \"ROLLBACK PREPARED 'GID'\""));
    assert!(!nasty.to_string().contains('\u{1b}'));
    assert!(how_to_end(&vec![plain; 5], &at).ends_with("'\"`, and so on"));
}

/// The server has ended the transaction as its remedy says.
fn run_the_remedy(open: &OpenTransaction, at: &PgEndpoint) {
    let status = Command::new("sh").args(["-c", &open.end_with(at)]).status().unwrap();
    assert!(status.success(), "{}", open.end_with(at));
}

#[tokio::test]
async fn open_and_prepared_transactions_are_told_and_end_as_their_remedies_say() {
    let mut chain = Chain::start(1);
    chain.set(0, "max_prepared_transactions", "2");
    chain.stop(0);
    chain.resume(0);
    chain.sql(0, "CREATE DATABASE moray");
    let at: PgEndpoint = chain.urls()[0].parse().unwrap();
    let database = Database::connect(&at, STATEMENT).await.unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host(&at.host).port(at.port).user(&at.user).dbname("moray").application_name("old\n");
    let session = async || {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    };
    let open = async |ago: u64| {
        let time = database.server_time(Duration::from_secs(ago)).await.unwrap();
        database.open_before(&time).await.unwrap()
    };
    assert_eq!(open(0).await, []);

    let client = session().await;
    client.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let found = open(0).await;
    let [OpenTransaction { holder: Holder::Session { user, state, .. }, .. }] = found.as_slice()
    else {
        panic!("{found:?}");
    };
    assert_eq!((user.as_str(), state.as_str()), (at.user.as_str(), "idle in transaction"));
    assert!(!found[0].to_string().contains('\n'), "{}", found[0]);
    assert_eq!(open(60).await, [], "it is younger than that");
    run_the_remedy(&found[0], &at);
    while !open(0).await.is_empty() {
        tokio::task::yield_now().await;
    }

    let client = session().await;
    client
        .batch_execute("BEGIN; CREATE TABLE t (i int); PREPARE TRANSACTION 'job-7'")
        .await
        .unwrap();
    drop(client);
    // It has no session, and may be committed at any time, however old it is.
    let found = open(60).await;
    assert!(
        matches!(&found[..], [one] if one.holder
        == Holder::Prepared { gid: "job-7".to_owned(), owner: at.user.clone() }),
        "{found:?}"
    );
    run_the_remedy(&found[0], &at);
    assert_eq!(open(0).await, []);
}
