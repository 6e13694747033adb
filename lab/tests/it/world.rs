//! Reading shards from a real PostgreSQL.

use lab::checker::{
    CheckOptions, History, Rings, ShardAddress, ViolationKind, WorldError, check, read_world,
};
use test_servers::{Postgres, free_port, own_address};
use tokio_postgres::{Client, NoTls};

use crate::rows::transform;

/// A connection to a server's database, as Moray's user.
async fn connect(server: &Postgres) -> Client {
    let address = server.address();
    let config = format!("host={} port={} user=moray dbname=moray", address.ip(), address.port());
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

const SCHEMA: &str = "
    CREATE TABLE manta (_id BIGINT, _key TEXT PRIMARY KEY, _value TEXT NOT NULL,
        _etag CHAR(8) NOT NULL, _vnode BIGINT);
    CREATE TABLE manta_directory_counts (_key TEXT PRIMARY KEY, entries NUMERIC);";

#[tokio::test]
async fn rows_are_read_from_a_primary() {
    let server = Postgres::start().in_database("moray");
    server.sql_in("postgres", "CREATE ROLE moray SUPERUSER LOGIN");
    server.sql_in("postgres", "CREATE DATABASE moray OWNER moray");
    let client = connect(&server).await;
    client.batch_execute(SCHEMA).await.unwrap();
    // More than are fetched at once, by no load, then one by a load and one whose etag is not its own.
    let others = "INSERT INTO manta SELECT n, '/o/d/' || n, '123456789', 'CBF43926', 1
        FROM generate_series(1, 4500) n";
    client.batch_execute(others).await.unwrap();
    let insert = "INSERT INTO manta VALUES (0, $1, $2, $3, $4)";
    let value = "{\"a\":\"é\"}";
    client.execute(insert, &[&"/o/d/x", &value, &"8696A8FD", &None::<i64>]).await.unwrap();
    let value = "{\"loadWrite\":\"00000001-5\"}";
    client.execute(insert, &[&"/o/e/\n\"y\"", &value, &"00000000", &Some(2_i64)]).await.unwrap();
    let counts =
        "INSERT INTO manta_directory_counts VALUES ('/o/d', 4501), ('/o/e', 2), ('/o/f', NULL)";
    client.batch_execute(counts).await.unwrap();

    let pnode = "tcp://1.moray.test:2020";
    let world = read_world(&[ShardAddress::new(pnode, server.address())]).await.unwrap();
    let shard = &world.shards[0];
    assert_eq!(shard.rows.len(), 4502);
    assert!(shard.read_from <= shard.read_until);
    let row = |key: &str| shard.rows.iter().find(|row| &*row.key == key).unwrap();
    assert_eq!((row("/o/d/1").vnode, row("/o/d/x").vnode), (Some(1), None));
    assert!(row("/o/d/1").intact && row("/o/d/x").intact && !row("/o/e/\n\"y\"").intact);
    assert_eq!(row("/o/e/\n\"y\"").write.map(|write| write.number), Some(5));
    assert_ne!(row("/o/d/1").hash, row("/o/d/x").hash);

    // One shard that owns everything on a single vnode.
    let ring = fash::Ring::create(fash::Algorithm::Sha256, 1, [pnode.parse().unwrap()]).unwrap();
    let rings = Rings::always(ring, transform);
    let mut history = History::default();
    history.add_seeds(&world, &rings);
    let report = check(&history, &world, &rings, &CheckOptions::default()).unwrap();
    assert_eq!(report.count(ViolationKind::Damaged), 1, "{report}");
    // One counts wrong, and one counts nothing: NULL is not the zero that it would have to be.
    assert_eq!(report.count(ViolationKind::DirectoryCount), 2, "{report}");
    assert_eq!(report.count(ViolationKind::WrongVnode), 4501, "{report}");

    let nobody = ShardAddress::new(pnode, (own_address(), free_port()).into());
    let error = read_world(&[nobody]).await.unwrap_err();
    assert!(matches!(error, WorldError::Postgres { .. }), "{error}");
}
