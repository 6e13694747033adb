//! Loading the objects into the shards, in bulk.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;

use bytes::Bytes;
use fash::{Pnode, Ring, Vnode};
use futures_util::SinkExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::objects::{EPOCH, SeedObject, objects};
use crate::moray::schema;

/// The bytes that go to a shard at once.
const CHUNK: usize = 256 * 1024;
/// The number of chunks that wait for a shard.
const WAITING: usize = 8;
/// Rows between pauses, so that the work does not keep a thread from others.
const ROWS: usize = 256;

/// The objects could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A shard did not take them.
    #[error("shard {pnode} did not take the first objects")]
    Shard {
        /// The shard.
        pnode: Pnode,
        /// The cause.
        source: tokio_postgres::Error,
    },
    /// The ring has a pnode that is none of the shards.
    #[error("the ring has vnodes on pnodes other than the lab's shards")]
    UnknownPnode,
}

/// Rows of one table, as COPY wants them.
type Tables = HashMap<&'static str, Vec<u8>>;

/// A shard that is being filled.
struct Filling {
    chunks: mpsc::Sender<Bytes>,
    chunk: Vec<u8>,
    others: Tables,
    /// The number of entries of each directory, and the column `_vnode` of the first.
    counts: HashMap<String, (u64, Option<Vnode>)>,
    /// Objects of `manta`.
    objects: u64,
}

/// Fills shards, whose primaries these are and which have their tables, with `count` objects. Returns how many each has.
///
/// # Errors
/// A shard does not take them, or is missing.
pub async fn load(
    seed: u64,
    count: u64,
    ring: &Ring,
    shards: &[(Pnode, SocketAddr)],
) -> Result<Vec<u64>, SeedError> {
    let mut copies = JoinSet::new();
    let mut filling = Vec::new();
    for (index, (pnode, primary)) in shards.iter().cloned().enumerate() {
        let (chunks, waiting) = mpsc::channel(WAITING);
        copies.spawn(async move {
            let failed = |source| SeedError::Shard { pnode: pnode.clone(), source };
            let client = session(primary).await.map_err(failed)?;
            copy(&client, "manta", waiting).await.map_err(failed)?;
            Ok((index, pnode.clone(), client))
        });
        let (chunk, others, counts) =
            (Vec::with_capacity(CHUNK + 4096), Tables::new(), HashMap::new());
        filling.push(Filling { chunks, chunk, others, counts, objects: 0 });
    }
    let owners: Option<Vec<usize>> = ring
        .pnodes()
        .iter()
        .map(|pnode| shards.iter().position(|(shard, _)| shard == pnode))
        .collect();
    let owners = owners.ok_or(SeedError::UnknownPnode)?;
    for (number, object) in objects(seed, count, ring).enumerate() {
        let pnode = ring
            .node(object.home)
            .ok()
            .and_then(|node| ring.pnodes().iter().position(|pnode| pnode == node.pnode));
        let owner =
            pnode.and_then(|pnode| owners.get(pnode)).and_then(|owner| filling.get_mut(*owner));
        let owner = owner.ok_or(SeedError::UnknownPnode)?;
        owner.add(&object);
        if owner.chunk.len() >= CHUNK && !owner.flush().await {
            // The shard's task tells why.
            break;
        }
        if number.is_multiple_of(ROWS) {
            tokio::task::yield_now().await;
        }
    }
    let mut rest = Vec::new();
    for mut shard in filling {
        shard.flush().await;
        rest.push(Some((shard.counts, shard.others, shard.objects)));
    }
    finish(copies, rest).await
}

/// The rest of a shard when its objects are there: directory counts, rows of other tables, and how many objects.
type Rest = Option<(HashMap<String, (u64, Option<Vnode>)>, Tables, u64)>;

async fn finish(
    mut copies: JoinSet<Result<(usize, Pnode, Client), SeedError>>,
    mut rest: Vec<Rest>,
) -> Result<Vec<u64>, SeedError> {
    let mut loaded = vec![0; rest.len()];
    let mut finishing = JoinSet::new();
    while let Some(copied) = copies.join_next().await {
        let Ok(copied) = copied else { continue };
        let (index, pnode, client) = copied?;
        let Some((counts, mut others, objects)) = rest.get_mut(index).and_then(Option::take) else {
            continue;
        };
        if let Some(loaded) = loaded.get_mut(index) {
            *loaded = objects;
        }
        others.insert("manta_directory_counts", count_rows(counts));
        finishing.spawn(async move {
            let failed = |source| SeedError::Shard { pnode: pnode.clone(), source };
            for (table, rows) in others {
                let (sender, waiting) = mpsc::channel(1);
                let copying = copy(&client, table, waiting);
                let sending = async move { sender.send(rows.into()).await };
                let (copied, _) = tokio::join!(copying, sending);
                copied.map_err(failed)?;
            }
            client.batch_execute("ANALYZE").await.map_err(failed)
        });
    }
    while let Some(finished) = finishing.join_next().await {
        if let Ok(finished) = finished {
            finished?;
        }
    }
    Ok(loaded)
}

/// A session in which triggers do nothing: directory counts come with the objects.
async fn session(primary: SocketAddr) -> Result<Client, tokio_postgres::Error> {
    let client = schema::connect(primary, "postgres", "moray").await?;
    client.batch_execute("SET session_replication_role = replica").await?;
    Ok(client)
}

/// Copies chunks into a table as they come.
async fn copy(
    client: &Client,
    table: &str,
    mut chunks: mpsc::Receiver<Bytes>,
) -> Result<(), tokio_postgres::Error> {
    let columns = match table {
        "manta" => ", dirname, name, owner, objectid, type",
        "manta_directory_counts" => ", entries",
        "manta_uploads" => ", finalizingtype, uploadid",
        "manta_delete_log" => ", objectid",
        _ => "",
    };
    let copy = format!("COPY {table} (_key, _value, _etag, _mtime, _vnode{columns}) FROM STDIN");
    let mut sink = pin!(client.copy_in(&copy).await?);
    while let Some(chunk) = chunks.recv().await {
        sink.as_mut().feed(chunk).await?;
    }
    sink.finish().await.map(drop)
}

impl Filling {
    fn add(&mut self, object: &SeedObject) {
        if object.bucket != "manta" {
            write_row(self.others.entry(object.bucket).or_default(), object);
            return;
        }
        self.objects += 1;
        write_row(&mut self.chunk, object);
        let directory = object.columns.first().and_then(Option::as_deref).unwrap_or_default();
        match self.counts.get_mut(directory) {
            Some((count, _)) => *count += 1,
            None => {
                self.counts.insert(directory.to_owned(), (1, object.vnode));
            }
        }
    }

    /// Hands over what is there. False if nobody takes it.
    async fn flush(&mut self) -> bool {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK + 4096));
        self.chunks.send(chunk.into()).await.is_ok()
    }
}

/// The rows of `manta_directory_counts` as the trigger makes them.
fn count_rows(counts: HashMap<String, (u64, Option<Vnode>)>) -> Vec<u8> {
    let mut rows = Vec::new();
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    for (directory, (count, vnode)) in counts {
        let home = vnode.unwrap_or(Vnode::new(0));
        let row = SeedObject {
            bucket: "manta_directory_counts",
            key: directory,
            value: "{}".to_owned(),
            etag: "_trigger".to_owned(),
            mtime: EPOCH,
            vnode,
            home,
            columns: vec![Some(count.to_string())],
        };
        write_row(&mut rows, &row);
    }
    rows
}

/// A line of COPY's text format.
fn write_row(out: &mut Vec<u8>, row: &SeedObject) {
    write_text(out, &row.key);
    out.push(b'\t');
    write_text(out, &row.value);
    out.push(b'\t');
    out.extend_from_slice(row.etag.as_bytes());
    out.push(b'\t');
    out.extend_from_slice(row.mtime.to_string().as_bytes());
    out.push(b'\t');
    match row.vnode {
        Some(vnode) => out.extend_from_slice(vnode.to_string().as_bytes()),
        None => out.extend_from_slice(b"\\N"),
    }
    for column in &row.columns {
        out.push(b'\t');
        match column {
            Some(text) => write_text(out, text),
            None => out.extend_from_slice(b"\\N"),
        }
    }
    out.push(b'\n');
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_to_copy_is_escaped() {
        let mut out = Vec::new();
        let columns = vec![None, Some("x".to_owned())];
        let row = SeedObject {
            bucket: "manta",
            key: "a\tb\\c\nd".to_owned(),
            value: "{}".to_owned(),
            etag: "00000000".to_owned(),
            mtime: 1,
            vnode: None,
            home: Vnode::new(0),
            columns,
        };
        write_row(&mut out, &row);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a\\tb\\\\c\\nd\t{}\t00000000\t1\t\\N\t\\N\tx\n"
        );
    }
}
