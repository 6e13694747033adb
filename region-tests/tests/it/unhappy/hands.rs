//! The troubles that people make by hand in a region while a plan runs, and how they are fixed again.

use jiff::Timestamp;
use lab::Fault;
use lab::control::ExecRequest;
use manatee_client::ShardName;
use reshard_core::shards::alias;
use reshard_core::tidy::rename;
use reshard_core::{Journal, PlanUuid, Reservation};
use sapi_client::Attributes;
use sapi_client::manta::{MantaApplication, Shard};
use sapi_client::sapi::Change;
use serde_json::{Value, json};
use uuid::Uuid;

use super::region::World;
use super::trouble::{Trouble, Vnodes, Zone};

/// A ring that nobody has.
const ANOTHER: &str = "5b0c0de5-0000-4000-8000-000000000001";
/// The stamp of a router's ring.
const STAMP: &str =
    "$(svcprop -p electric-moray/ring-location electric-moray-2021)/manta_hash_ring_stamp.json";

impl World {
    /// Does what somebody does by hand, or undoes it.
    pub(super) async fn by_hand(&self, trouble: &Trouble, cause: bool) {
        let router = "electric-moray-2021";
        match trouble {
            Trouble::RouterDisabled => {
                let verb = if cause { "disable" } else { "enable" };
                self.run(self.routers(), &format!("svcadm {verb} -s {router}")).await;
            }
            Trouble::AnotherRing => {
                // The lab's first ring has no stamp, as manta-adm makes them.
                let stamp = json!({"image_uuid": ANOTHER, "date": "2026-01-01T00:00:00Z", "source_zone": "x"});
                let script = if cause {
                    format!("cat >{STAMP} <<<'{stamp}'")
                } else {
                    format!("rm {STAMP}")
                };
                self.run(self.routers(), &script).await;
            }
            Trouble::RingDamaged => {
                let handover = self.ring("handover").await;
                let script = format!(
                    ": >$(svcprop -p electric-moray/ring-location electric-moray-2022).reshard-{handover}/CURRENT"
                );
                self.run(self.routers(), &script).await;
            }
            Trouble::Reprovisioned => self.reprovision().await,
            Trouble::ZooKeeperRestarted => {
                let fault = self.region.control.cause(&Fault::ZooKeeper).await.unwrap();
                self.region.control.heal(Some(fault.id)).await.unwrap();
            }
            Trouble::RingEdited => self.edit_ring(cause).await,
            Trouble::ShardsEdited => self.edit_shards(cause).await,
            Trouble::PeerEdited => self.edit_peer(cause).await,
            Trouble::PeerRenamed => self.rename_peer(cause).await,
            Trouble::FrozenByOther if cause => {
                self.adm("manatee-adm unfreeze; manatee-adm freeze -r maintenance").await;
            }
            Trouble::Unfrozen | Trouble::FrozenByOther => self.adm("manatee-adm unfreeze").await,
            Trouble::NameReserved => self.reserve_name(cause).await,
            Trouble::DumpLockByHand if cause => {
                let verb =
                    if self.fact("dump-lock-since").await.is_some() { "set" } else { "create" };
                self.zookeeper(&[verb, "/pg_dump_lock", "me"]).await;
            }
            Trouble::DumpLockByHand | Trouble::DumpLockGone => {
                self.zookeeper(&["delete", "/pg_dump_lock"]).await;
            }
            Trouble::OnlyCopy => self.plant_row(&self.source, cause).await,
            Trouble::StrayRow => self.plant_row(&self.target().await.name, cause).await,
            Trouble::OpenTransaction(vnodes) if cause => self.hold_open(*vnodes).await,
            Trouble::OpenTransaction(_) => {
                let open = self.open.lock().await.take().unwrap();
                open.batch_execute("rollback").await.unwrap();
            }
            Trouble::KillAt(step, zone) if cause => self.kill_at(step, self.zone(*zone).await),
            Trouble::KillAt(_, zone) => {
                self.region.control.heal(None).await.unwrap();
                if matches!(zone, Zone::Primary) {
                    self.rebuild_deposed(&self.source).await;
                }
            }
            Trouble::SwitchCluttered => self.clutter_switch(cause).await,
            // The plan itself writes them again.
            Trouble::CanariesGone if !cause => {}
            Trouble::CanariesGone => self.remove_canaries().await,
            other => panic!("{other:?} is no doing of a hand"),
        }
    }

    /// Reserves the new shard's name for another plan, or takes that away.
    async fn reserve_name(&self, cause: bool) {
        let name = self.target().await.name;
        if !cause {
            return self.zookeeper(&["deleteall", &format!("/manta_reshard/shards/{name}")]).await;
        }
        let (deployment, other) = (self.region.deployment().await, PlanUuid::random());
        let taken = Reservation::Name(&name).take(&deployment, other, Timestamp::now()).await;
        taken.unwrap();
    }

    /// Runs a script in a zone. It has to succeed.
    async fn run(&self, zone: Uuid, script: &str) {
        let request = ExecRequest { stdin: script.to_owned(), ..ExecRequest::default() };
        let answer = self.region.control.exec(zone, &request).await.unwrap();
        assert_eq!(answer.exit_code, 0, "{script}: {answer:?}");
    }

    async fn adm(&self, script: &str) {
        self.run(self.zone(Zone::Primary).await, script).await;
    }

    async fn zookeeper(&self, command: &[&str]) {
        self.region.output(&[&["lab", "zk"], command].concat()).await;
    }

    /// Makes the zone of the routers anew from its own image, and waits until it is there.
    async fn reprovision(&self) {
        let zone = self.routers();
        let vmapi = format!("http://{}", self.region.lab.layout().block.vmapi());
        let curl = async |arguments: &[&str]| -> Value {
            let mut command = tokio::process::Command::new("curl");
            let output = command.args(["-sS", "--fail"]).args(arguments).output().await.unwrap();
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
        };
        let image = curl(&[&format!("{vmapi}/vms/{zone}")]).await["image_uuid"].clone();
        let image = image.as_str().unwrap();
        let url = format!("{vmapi}/vms/{zone}?action=reprovision&image_uuid={image}");
        let accepted = curl(&["-X", "POST", "-d", "", &url]).await;
        let job = format!("{vmapi}/jobs/{}/wait", accepted["job_uuid"].as_str().unwrap());
        assert_eq!(curl(&[&job]).await["execution"], "succeeded");
    }

    async fn edit_ring(&self, cause: bool) {
        let before = self.store.plan().await.unwrap().inventory.ring.image;
        let image = if cause { ANOTHER.parse().unwrap() } else { before };
        let sapi = self.deployment.sapi().unwrap();
        let manta = sapi.find_manta().await.unwrap();
        let change = MantaApplication::set_hash_ring_image(image);
        sapi.change_application(manta.uuid(), change).await.unwrap();
    }

    async fn edit_shards(&self, cause: bool) {
        let sapi = self.deployment.sapi().unwrap();
        let manta = sapi.find_manta().await.unwrap();
        let mut list = manta.index_shards().unwrap();
        let name = self.region.lab.layout().shard_name(9);
        if cause {
            list.push(Shard::new(&name)).unwrap();
        } else {
            list.remove(&name);
        }
        let change = MantaApplication::set_index_shards(&list);
        sapi.change_application(manta.uuid(), change).await.unwrap();
        if !cause {
            // Processes that were started meanwhile have read the other list.
            let script = format!(
                "while grep -q {name} /opt/smartdc/electric-moray/etc/config.json; do sleep 0.1; done
                 for instance in electric-moray-2021 electric-moray-2022; do
                     svcadm disable -s $instance && svcadm enable -s $instance || exit
                     port=$(svcprop -p electric-moray/status $instance)
                     until curl -sf -o /dev/null http://{}:$port/status; do sleep 0.1; done
                 done",
                self.region.lab.routers()[0].ip()
            );
            self.run(self.routers(), &script).await;
        }
    }

    async fn edit_peer(&self, cause: bool) {
        let number = self.source.as_str().split('.').next().unwrap();
        let metadata = Attributes::new().with("SHARD", if cause { "7" } else { number });
        let (sapi, zone) = (self.deployment.sapi().unwrap(), self.new_peer().await.zone);
        sapi.change_instance(zone, &Change::update().metadata(metadata)).await.unwrap();
    }

    async fn rename_peer(&self, cause: bool) {
        let place = self.new_peer().await;
        let (usual, other) = (alias("postgres", &self.source, place.zone), "mine".to_owned());
        let (old, new) = if cause { (usual, other) } else { (other, usual) };
        rename(&self.deployment, &place, &old, &new).await.unwrap();
    }

    /// Deletes the canaries at the source and at the new shards.
    async fn remove_canaries(&self) {
        let plan = self.store.plan().await.unwrap();
        let sql = "delete from manta where name = 'canary'";
        let targets = plan.targets().iter().map(|target| &target.name);
        for shard in std::iter::once(plan.source()).chain(targets) {
            let done = self.region.psql(shard, sql).await;
            assert!(done.contains("DELETE"), "{done}");
        }
    }

    /// Writes a row at a shard as something does that bypasses the routers and whatever guards the tables, or deletes it.
    async fn plant_row(&self, shard: &ShardName, cause: bool) {
        let sql = if cause {
            self.another_row(Vnodes::Moving, "planted").await
        } else {
            "delete from manta where _etag = 'PLANTED0'".to_owned()
        };
        let sql = format!("set session_replication_role = replica; {sql}");
        let done = self.region.psql(shard, &sql).await;
        assert!(done.ends_with(if cause { "INSERT 0 1" } else { "DELETE 1" }), "{done}");
    }

    /// Writes a row at the source, and keeps the transaction open.
    async fn hold_open(&self, vnodes: Vnodes) {
        let database = self.connect_to_primary().await;
        let insert = self.another_row(vnodes, "held").await;
        database.batch_execute(&format!("begin; {insert}")).await.unwrap();
        *self.open.lock().await = Some(database);
    }

    /// SQL that writes a row like one that is there, with another key.
    async fn another_row(&self, vnodes: Vnodes, suffix: &str) -> String {
        let moved = self.target().await.vnodes;
        let moved: Vec<String> = moved.iter().map(|vnode| vnode.number().to_string()).collect();
        let is_in = match vnodes {
            Vnodes::Moving => "in",
            Vnodes::Staying => "not in",
        };
        format!(
            "insert into manta (_key, _value, _etag, _vnode, dirname, name, owner, objectid, type) \
             select _key || '-{suffix}', _value, 'PLANTED0', _vnode, dirname, name, owner, objectid, type \
             from manta where type = 'object' and _vnode {is_in} ({}) limit 1",
            moved.join(", ")
        )
    }

    /// Puts something below the switch that ZooKeeper does not delete with one node, or removes it.
    async fn clutter_switch(&self, cause: bool) {
        let switches = "/manta_reshard/switch";
        let election = format!("{switches}/{}/election", self.target().await.name);
        let clutter = format!("{election}/mine");
        if !cause {
            return self.zookeeper(&["deleteall", &clutter]).await;
        }
        let switch = election.trim_end_matches("/election");
        for path in [switches, switch, &election, &clutter, &format!("{clutter}/notes")] {
            self.zookeeper(&["create", path, "me"]).await;
        }
    }
}
