//! The schema of a shard: role, database, and Manta's buckets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_postgres::{Client, Config, Error, NoTls};

use super::bucket::Bucket;

/// The trigger that counts the entries of directories.
const TRIGGER: &str = include_str!("trigger.sql");

const BUCKETS_CONFIG: &str = "CREATE TABLE IF NOT EXISTS buckets_config (
    name text PRIMARY KEY, index text NOT NULL, pre text NOT NULL, post text NOT NULL,
    options text, mtime timestamp without time zone DEFAULT now() NOT NULL)";

/// The purpose of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardKind {
    /// It has what the ring distributes.
    Index,
    /// As well it has the list of storage zones, as Manta's first shard does.
    IndexAndStorage,
}

/// Manta's buckets on a shard.
fn buckets(kind: ShardKind) -> Vec<Bucket> {
    let mut buckets = vec![
        Bucket::of_manta("manta", &["dirname", "name", "owner", "objectId", "type"]),
        Bucket::of_manta("manta_directory_counts", &["entries"]),
        Bucket::of_manta("manta_uploads", &["finalizingType", "uploadId"]),
        Bucket::of_manta("manta_delete_log", &["objectId"]),
        Bucket::of_manta("manta_fastdelete_queue", &[]),
        Bucket::of_manta("manta_reshard_sentinel", &[]),
    ];
    if kind == ShardKind::IndexAndStorage {
        buckets.push(Bucket::of_manta(
            "manta_storage",
            &["hostname", "manta_storage_id", "datacenter"],
        ));
    }
    buckets
}

/// A session with a PostgreSQL server of a lab, where every address of the lab is trusted.
pub(crate) async fn connect(
    server: SocketAddr,
    user: &str,
    database: &str,
) -> Result<Client, Error> {
    let mut config = Config::new();
    config.host(server.ip().to_string()).port(server.port()).user(user).dbname(database);
    config.connect_timeout(Duration::from_secs(5)).application_name("lab");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%server, error = &error as &dyn std::error::Error, "a session with PostgreSQL broke");
        }
    });
    Ok(client)
}

/// Makes the role `moray`, the database `moray` and Manta's buckets in it at a shard's primary. What is there already
/// stays as it is.
///
/// # Errors
/// The server cannot be reached, or takes no writes.
pub async fn install(primary: SocketAddr, kind: ShardKind) -> Result<(), Error> {
    let superuser = connect(primary, "postgres", "postgres").await?;
    if superuser.query_opt("SELECT 1 FROM pg_roles WHERE rolname = 'moray'", &[]).await?.is_none() {
        superuser.batch_execute("CREATE ROLE moray LOGIN CREATEDB PASSWORD 'moray'").await?;
    }
    let database = "SELECT 1 FROM pg_database WHERE datname = 'moray'";
    if superuser.query_opt(database, &[]).await?.is_none() {
        let create = "CREATE DATABASE moray OWNER moray TEMPLATE template0 ENCODING 'UNICODE' \
                              LC_COLLATE 'C' LC_CTYPE 'C'";
        superuser.batch_execute(create).await?;
    }
    let moray = connect(primary, "moray", "moray").await?;
    let mut statements = format!("BEGIN;\n{BUCKETS_CONFIG};\n");
    let buckets = buckets(kind);
    for bucket in &buckets {
        statements += &bucket.ddl();
    }
    statements += TRIGGER;
    statements += "COMMIT;";
    moray.batch_execute(&statements).await?;
    for bucket in &buckets {
        register(&moray, bucket).await?;
    }
    Ok(())
}

/// Writes a bucket into `buckets_config`, unless it is there. False if it is.
async fn register(client: &Client, bucket: &Bucket) -> Result<bool, Error> {
    let [index, post, options] = [bucket.index_json(), bucket.post_json(), bucket.options_json()]
        .map(|json| json.to_string());
    let insert = "INSERT INTO buckets_config (name, index, pre, post, options) VALUES ($1, $2, '[]', $3, $4) \
                  ON CONFLICT (name) DO NOTHING";
    let new = client.execute(insert, &[&bucket.name, &index, &post, &options]).await?;
    Ok(new > 0)
}
