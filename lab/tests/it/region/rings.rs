//! Vnodes are moved by hand in a running lab under load, and the proof follows: with what the routers wrote of their rings.

use std::path::PathBuf;

use fash::{Move, Pnode, Ring, RingEditor, Vnode, VnodeData};
use lab::checker::{CheckOptions, Ghosts, Report, ViolationKind};
use lab::load::{Load, LoadOptions};
use lab::{Options, Role};
use tempfile::TempDir;

use super::started::{Region, psql};
use super::{eventually, run};
use crate::rows::transform;

const INSTANCES: [u16; 2] = [2021, 2022];

/// A lab with a load on it.
struct Moving {
    region: Region,
    load: Load,
    logs: TempDir,
    /// Addresses of the primaries, of shard 1 and of shard 2.
    primaries: [String; 2],
    pnodes: [Pnode; 2],
}

impl Moving {
    async fn start() -> Self {
        let region = Region::with(Options {
            peers: 1,
            routers: 1,
            router_instances: 2,
            vnodes: 64,
            objects: 1000,
            ..Options::default()
        })
        .await;
        let logs = tempfile::tempdir().unwrap();
        let load = Load::start(LoadOptions {
            writes_per_second: 200.0,
            // More than there are vnodes: each is written often.
            directories: 300,
            keys: 3000,
            ..LoadOptions::new(region.lab.routers(), logs.path().join("log"))
        });
        let primaries =
            [0, 1].map(|shard| region.zone(Role::Postgres, shard).spec.address.to_string());
        let pnodes =
            [1, 2].map(|n| format!("tcp://{n}.moray.lab.example.net:2020").parse().unwrap());
        Self { region, load: load.unwrap(), logs, primaries, pnodes }
    }

    /// Waits for so many more acknowledged writes.
    async fn writes_go_on(&self, more: u64) {
        let enough = self.load.stats().writes.acknowledged + more;
        eventually("writes", async || self.load.stats().writes.acknowledged >= enough).await;
    }

    /// Changes the ring of one router after another, as production does it: it has to be stopped for that.
    async fn change(&self, what: impl Fn(&mut RingEditor)) {
        let zone = self.region.zone(Role::ElectricMoray, 0).spec.uuid;
        for port in INSTANCES {
            let instance = format!("electric-moray-{port}");
            self.region.output(zone, &format!("svcadm disable -s {instance}")).await;
            let path: PathBuf = format!("/electric-moray/chash/leveldb-{port}").into();
            let path = self.region.lab.directory().in_zone(zone, path);
            let mut editor = RingEditor::open(&path).unwrap();
            what(&mut editor);
            drop(editor);
            // Where this runs as root: the files are the zone's.
            let owner = format!("--reference={}", path.parent().unwrap().display());
            run("chown", &["-R", &owner, &path.display().to_string()]);
            self.region.output(zone, &format!("svcadm enable -s {instance}")).await;
            let address = self.region.zone(Role::ElectricMoray, 0).spec.address;
            let status = format!("curl -s http://{address}:{}/status || true", port + 2000);
            eventually("the router serves", async || !run("sh", &["-c", &status]).is_empty()).await;
        }
    }

    /// Copies everything from the first shard to the second, as a new shard begins as a copy.
    fn copy(&self) {
        let [from, to] = &self.primaries;
        for table in ["manta", "manta_directory_counts", "manta_uploads"] {
            let columns = psql(
                from,
                &format!(
                    "select string_agg(quote_ident(column_name), ',') from information_schema.columns
                     where table_name = '{table}' and column_name <> '_id'"
                ),
            );
            let psql = "psql -U postgres -d moray -XAtq -v ON_ERROR_STOP=1";
            let script = format!(
                "set -o pipefail; {psql} -h {from} -c 'copy (select {columns} from {table}) to stdout' |
                 {psql} -h {to} -c 'set session_replication_role = replica' -c 'copy {table} ({columns}) from stdin'"
            );
            run("bash", &["-c", &script]);
        }
    }

    /// Removes all rows from both shards that the ring does not give them.
    fn clean_up(&self, ring: &Ring) {
        for (server, pnode) in self.primaries.iter().zip(&self.pnodes) {
            for table in ["manta", "manta_directory_counts", "manta_uploads"] {
                let keys = psql(server, &format!("select _key from {table}"));
                let home = |key: &str| match table {
                    "manta_directory_counts" => key.to_owned(),
                    _ => transform(table, key),
                };
                let is_ghost = |key: &&str| {
                    let node = ring.lookup(home(key).as_bytes()).unwrap();
                    node.pnode != pnode
                };
                let ghosts: Vec<_> =
                    keys.lines().filter(is_ghost).map(|key| format!("('{key}')")).collect();
                assert!(!ghosts.is_empty() || table == "manta_uploads", "{table} at {server}");
                for some in ghosts.chunks(500) {
                    let list = some.join(",");
                    let delete = format!(
                        "set session_replication_role = replica;
                         delete from {table} where _key in (select * from (values {list}) v)"
                    );
                    psql(server, &delete);
                }
            }
        }
    }

    async fn prove(&self, ghosts: Ghosts) -> Report {
        let options = CheckOptions { ghosts, ..CheckOptions::default() };
        let lab = &self.region.lab;
        let log = self.logs.path().join("log");
        lab::prove(lab.layout(), lab.directory(), [log], &options).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_vnodes_are_proven_at_their_new_owner() {
    let moving = Moving::start().await;
    moving.writes_go_on(400).await;
    let rings = lab::rings_served(moving.region.lab.directory()).unwrap();
    assert_eq!(rings.rings().len(), 1);
    let first = &rings.rings()[0].ring;
    let moved: Vec<Vnode> =
        first.vnodes_of(&moving.pnodes[0]).unwrap().into_iter().step_by(2).collect();

    // The vnodes take no writes, are copied, and go to the second shard.
    moving.change(|ring| ring.set_data(&moved, &VnodeData::read_only()).map(drop).unwrap()).await;
    moving.writes_go_on(100).await;
    let report = moving.prove(Ghosts::Nowhere).await;
    assert!(report.is_green(), "{report}");
    moving.copy();
    let to = moving.pnodes[1].clone();
    moving
        .change(|ring| {
            ring.remap(&[Move { vnodes: moved.clone(), to: to.clone() }]).map(drop).unwrap();
            ring.set_data(&moved, &VnodeData::NONE).map(drop).unwrap();
        })
        .await;
    moving.writes_go_on(600).await;

    // While the load runs, and with ghosts at both shards.
    let report = moving.prove(Ghosts::OfSplits).await;
    println!("{report}");
    assert!(report.is_green(), "{report}");
    let ghosts: u64 = report.ghosts.values().sum();
    assert!(report.checked.ghosts_of_moved > 0 && ghosts > report.checked.ghosts_of_moved);
    let block = &report.write_block;
    assert!(block.blocked > 0 && block.handovers <= moved.len() as u64, "{report}");
    assert!(block.median > 0 && block.median <= block.longest, "{report}");
    assert!(report.moved_writes.errors.contains_key("ReadOnlyError"), "{report}");
    assert!(!report.untouched_writes.errors.contains_key("ReadOnlyError"), "{report}");
    let report = moving.prove(Ghosts::Nowhere).await;
    assert_eq!(report.count(ViolationKind::Ghost), report.ghosts.values().sum::<u64>(), "{report}");
    assert_eq!(report.violations.len(), 1, "nothing else is wrong: {report}");

    let rings = lab::rings_served(moving.region.lab.directory()).unwrap();
    assert_eq!(rings.rings().len(), 3, "as it was, read-only, and moved");
    let last = rings.rings().last().unwrap().ring.clone();
    assert!(moved.iter().all(|vnode| last.node(*vnode).unwrap().pnode == &to));
    moving.clean_up(&last);
    let report = moving.prove(Ghosts::Nowhere).await;
    assert!(report.is_green(), "{report}");
    assert!(report.ghosts.is_empty(), "{report}");

    plant(moving, &moved).await;
}

/// Things that are wrong on either side of the move are found.
async fn plant(moving: Moving, moved: &[Vnode]) {
    let Moving { region, load, logs, primaries: [old, new], pnodes } = moving;
    load.stop().await.unwrap();
    let list = moved.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let of_load = format!("_vnode in ({list}) and _value like '%loadWrite%'");
    let select = format!("select _key from manta where {of_load} order by _key limit 2");
    let keys = psql(&new, &select);
    let [lost, phantom] = keys.lines().collect::<Vec<_>>().try_into().unwrap();
    // A value that was never written, at the shard that had the vnode before: as if it took writes still.
    let columns = "_key, _value, _etag, _mtime, _vnode";
    let row =
        psql(&new, &format!("select _etag || ' ' || _vnode from manta where _key = '{phantom}'"));
    let (etag, vnode) = row.split_once(' ').unwrap();
    let value = r#"{"loadWrite":"00000001-99999999"}"#;
    let insert = format!(
        "set session_replication_role = replica;
         insert into manta ({columns}) values ('{phantom}', '{value}', '{etag}', 0, {vnode})"
    );
    psql(&old, &insert);
    psql(&new, &format!("delete from manta where _key = '{lost}'"));
    let log = logs.path().join("log");
    let options = CheckOptions { ghosts: Ghosts::OfSplits, ..CheckOptions::default() };
    let lab = &region.lab;
    let report = lab::prove(lab.layout(), lab.directory(), [log], &options).await.unwrap();
    let is_found = |kind, key: &str, pnode: &Pnode| {
        let mut listed = report.listed.iter();
        listed.any(|it| {
            it.kind == kind && it.key == key && it.pnode.as_deref() == Some(pnode.as_str())
        })
    };
    assert!(is_found(ViolationKind::Lost, lost, &pnodes[1]), "{report}");
    assert!(is_found(ViolationKind::Phantom, phantom, &pnodes[0]), "{report}");
    region.stop_and_leave_nothing().await;
}
