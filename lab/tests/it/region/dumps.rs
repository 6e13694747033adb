//! The nightly dump.

use std::process::Command;

use lab::Role;

use super::started::{Region, psql};
use super::{eventually, run};

const SCRIPT: &str = "/opt/smartdc/manatee/pg_dump/pg_dump.sh";
/// The port of PostgreSQL while it is dumped.
const PORT: &str = "23456";

/// The dump stops at the lock; without it runs a second PostgreSQL, and puts what it dumped into Manta.
pub(super) async fn the_dump_honours_its_lock(region: &Region) {
    // With two peers there is no async: the sync dumps.
    let (primary, sync) =
        (region.zone(Role::Postgres, 0).spec, region.zone(Role::Postgres, 1).spec);
    region.zookeeper("create /pg_dump_lock region-test").await;
    let refused = region.script(sync.uuid, SCRIPT).await;
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert!(refused.stderr.contains("lock exists"), "{refused:?}");
    let dumps = "find /manta/poseidon/stor/manatee_backups -name '*.gz' 2>/dev/null";
    assert_eq!(region.script(sync.uuid, dumps).await.stdout, "");
    region.zookeeper("rmr /pg_dump_lock").await;

    let other = region.script(primary.uuid, SCRIPT).await;
    assert_eq!(other.exit_code, 0, "{other:?}");
    assert!(other.stderr.contains("not the peer that dumps"), "{other:?}");

    let address = sync.address.to_string();
    let count = "select count(*) from manta";
    let second = async {
        eventually("a second PostgreSQL answers", async || answers(&address)).await;
        let arguments =
            ["-h", &address, "-p", PORT, "-U", "postgres", "-d", "moray", "-XAtc", count];
        assert_eq!(run("psql", &arguments).trim(), psql(&address, count));
        let seen = region.output(primary.uuid, "manatee-adm show").await;
        assert!(!seen.contains("error"), "{seen}");
    };
    let (dumped, ()) = tokio::join!(region.script(sync.uuid, SCRIPT), second);
    assert_eq!(dumped.exit_code, 0, "{dumped:?}");
    assert!(!answers(&address), "the second PostgreSQL is gone");
    let dump = region.output(sync.uuid, dumps).await;
    let restored = region.output(sync.uuid, &format!("gunzip -c {dump}")).await;
    assert!(restored.contains("COPY public.manta ("), "{dump}");
    region.output(sync.uuid, "! ls /manatee/pg_dump 2>/dev/null").await;
}

/// Tells whether somebody is on the port of dumps.
fn answers(address: &str) -> bool {
    let asked = Command::new("pg_isready").args(["-q", "-h", address, "-p", PORT]).status();
    asked.unwrap().success()
}
