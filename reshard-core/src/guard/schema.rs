//! The schema `reshard`.

use super::commit::commit;
use super::error::GuardError;
use crate::deployment::Database;
use crate::keys::KeyHash;

/// The version of the schema that [`install`] makes.
pub const SCHEMA_VERSION: i32 = 1;

const TABLES: &str = include_str!("sql/schema.sql");
const GUARD: &str = include_str!("sql/guard.sql");
const VNODE_OF_KEY: &str = include_str!("sql/vnode_of_key.sql");
const OWN_SHA256: &str = include_str!("sql/sha256.sql");
const SERVERS_SHA256: &str = "CREATE FUNCTION reshard.sha256(message bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT pg_catalog.sha256(message)'";
/// The first version of PostgreSQL that has a function `sha256`.
const WITH_SHA256: i32 = 11_00_00;

/// Creates the schema `reshard` in a database, unless it is there. Nothing is guarded by that yet.
///
/// # Errors
///
/// [`GuardError::SchemaVersion`] if another version's is there; otherwise [`GuardError::Database`] and [`GuardError::Commit`].
pub async fn install(database: &mut Database, hash: &KeyHash) -> Result<(), GuardError> {
    let server = database.server();
    let transaction = database.begin().await?;
    let doing = "look for the schema reshard";
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'reshard'), \
               current_setting('server_version_num')::integer";
    let row =
        transaction.query_one(sql, &[]).await.map_err(|source| server.error(doing, source))?;
    let cell = |source| server.error(doing, source);
    let is_there: bool = row.try_get(0).map_err(cell)?;
    let server_version: i32 = row.try_get(1).map_err(cell)?;
    if is_there {
        let sql = "SELECT version FROM reshard.guard";
        let found = transaction.query_one(sql, &[]).await.map_err(cell)?;
        let found = found.try_get(0).map_err(cell)?;
        if found != SCHEMA_VERSION {
            let host = server.endpoint().host.clone();
            return Err(GuardError::SchemaVersion { host, found, expected: SCHEMA_VERSION });
        }
        return Ok(());
    }
    let failed = |source| server.error("create the schema reshard", source);
    let sha256 = if server_version < WITH_SHA256 { OWN_SHA256 } else { SERVERS_SHA256 };
    for sql in [TABLES, sha256, VNODE_OF_KEY, GUARD] {
        transaction.batch_execute(sql).await.map_err(failed)?;
    }
    let sql = "INSERT INTO reshard.guard (version, algorithm, hash_interval, vnode_count) \
               VALUES ($1, $2, reshard.number($3), $4)";
    let interval = hash.interval();
    let (algorithm, digits) =
        (interval.algorithm().to_string().to_lowercase(), interval.to_string());
    let vnodes = i64::from(hash.vnode_count());
    let done = transaction.execute(sql, &[&SCHEMA_VERSION, &algorithm, &digits, &vnodes]).await;
    done.map_err(failed)?;
    Ok(commit(transaction, &server).await?)
}
