//! The subcommands that only look.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::options::usage;
use super::super::session::{Ending, Failure};
use super::cluster::Cluster;
use super::load::load;
use super::table::{self, Column};
use super::{Call, Store};

/// `show` and `peers` end with 0 whatever happens, after a word on stderr.
fn forgiven(call: &Call<'_>, failure: Failure) -> Ending {
    match failure {
        Failure::Exit(_, message) => {
            call.session.complain(format!("manatee-adm: {message}\n"));
            Ok(0)
        }
        usage @ Failure::Usage(_) => Err(usage),
    }
}

async fn cluster(call: &Call<'_>, postgres: bool) -> Result<Cluster, Failure> {
    load(&call.servers()?, &call.shard()?, postgres).await
}

pub(super) async fn show(call: &Call<'_>) -> Ending {
    match cluster(call, true).await {
        Ok(cluster) => call.session.print(table::show(&cluster, call.options.has('v'))),
        Err(failure) => return forgiven(call, failure),
    }
    Ok(0)
}

/// The columns: those of `-o`, or by default these, which `-w` widens.
fn columns(call: &Call<'_>, default: &[Column]) -> Result<Vec<Column>, Failure> {
    if call.options.value('o').is_some() {
        return Column::parse_list(&call.options.list('o'));
    }
    let wide = call.options.has('w');
    let widen = |column: &Column| {
        if wide && *column == Column::PeerAbbreviation { Column::PeerName } else { *column }
    };
    Ok(default.iter().map(widen).collect())
}

pub(super) async fn peers(call: &Call<'_>) -> Ending {
    let columns = columns(call, table::PEERS)?;
    if columns.iter().any(|column| column.needs_postgres()) {
        return usage("peers has the columns role, peername, peerabbr and ip only");
    }
    match cluster(call, false).await {
        Ok(cluster) => {
            call.session.print(table::table(&cluster, &columns, !call.options.has('H')));
            Ok(0)
        }
        Err(failure) => forgiven(call, failure),
    }
}

pub(super) async fn pg_status(call: &Call<'_>) -> Ending {
    let columns = columns(call, table::PG_STATUS)?;
    let (period, count) = match call.options.operands.as_slice() {
        [] => (None, Some(1)),
        [period] => (Some(positive(period)?), None),
        [period, count] => (Some(positive(period)?), Some(positive(count)?)),
        _ => return usage("unexpected arguments"),
    };
    // It goes on with what there is: of several rounds only the last one's failure counts.
    let mut round = 0;
    loop {
        round += 1;
        let is_last = Some(round) == count;
        match cluster(call, true).await {
            Ok(cluster) => print_status(call, &cluster, &columns),
            Err(failure @ Failure::Usage(_)) => return Err(failure),
            Err(failure) if is_last => return Err(failure),
            Err(_) => {}
        }
        match period {
            Some(period) if !is_last => tokio::time::sleep(Duration::from_secs(period)).await,
            _ => return Ok(0),
        }
    }
}

fn positive(text: &str) -> Result<u64, Failure> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => usage(format!("not a positive number: \"{text}\"")),
    }
}

fn print_status(call: &Call<'_>, cluster: &Cluster, columns: &[Column]) {
    call.session.print(table::table(cluster, columns, !call.options.has('H')));
    let issues = cluster.issues();
    if !issues.is_empty() {
        call.session.complain(format!("\n{}", table::issue_lines(&issues)));
    }
}

pub(super) async fn verify(call: &Call<'_>) -> Ending {
    let cluster = match cluster(call, true).await {
        Ok(cluster) => cluster,
        Err(usage @ Failure::Usage(_)) => return Err(usage),
        Err(Failure::Exit(..)) => {
            call.session.print("error: failed to fetch cluster state\n");
            return Ok(1);
        }
    };
    let issues = cluster.issues();
    call.session.print(table::issue_lines(&issues));
    if issues.is_empty() && call.options.has('v') {
        call.session.print("all checks passed\n");
    }
    Ok(u8::from(!issues.is_empty()))
}

pub(super) async fn zk_state(call: &Call<'_>) -> Ending {
    let shard = call.shard()?;
    let state = call.connect().await?.state(&shard).await?;
    let none = || Failure::new(format!("No state exists for shard {shard}"));
    let (state, _) = state.ok_or_else(none)?;
    call.session.print(format!("{state}\n"));
    Ok(0)
}

pub(super) async fn zk_active(call: &Call<'_>) -> Ending {
    let shard = call.shard()?;
    let store = call.connect().await?;
    let active: Map<String, Value> = election(&store, &shard).await?.into_iter().collect();
    call.session.print(format!("{}\n", Value::Object(active)));
    Ok(0)
}

/// The children of a shard's election with their data, in the order of their sequence numbers.
pub(super) async fn election(store: &Store, shard: &str) -> Result<Vec<(String, Value)>, Failure> {
    let path = format!("/manatee/{shard}/election");
    let mut names = store.children(&path).await?.unwrap_or_default();
    names.sort_by_key(|name| sequence(name));
    let mut children = Vec::with_capacity(names.len());
    for name in names {
        // One that went away meanwhile is not active.
        if let Some(node) = store.read(&format!("{path}/{name}")).await? {
            let data = serde_json::from_slice(&node.data).unwrap_or_default();
            children.push((name, data));
        }
    }
    Ok(children)
}

/// The number that ZooKeeper appended to a name.
pub(super) fn sequence(name: &str) -> u64 {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

pub(super) async fn check_lock(call: &Call<'_>) -> Ending {
    let Some(path) = call.options.value('p') else { return usage("option -p is needed") };
    let found = match call.connect().await {
        Ok(store) => store.read(path).await,
        Err(usage @ Failure::Usage(_)) => return Err(usage),
        Err(failure) => Err(failure),
    };
    // Whatever goes wrong looks like a lock.
    match found {
        Ok(None) => Ok(0),
        Ok(Some(_)) | Err(_) => Err(Failure::new("lock exists or unable to get lock")),
    }
}
