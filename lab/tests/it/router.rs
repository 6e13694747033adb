//! Requests from a client through haproxy and a router to Moray and PostgreSQL.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fash::{Algorithm, Ring, RingEditor, StoreError, Vnode, VnodeData};
use lab::seed::{self, ShardKind};
use lab::{AddressBlock, Host, LabDirectory, Layout, Options, Role, ZoneSpec};
use moray_client::{
    BatchOptions, BatchRequest, Client, ClientOptions, DeleteOptions, Error, EtagCondition,
    FindOptions, GetOptions, PutOptions, Route, SqlOptions,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use zookeeper::{Acls, CreateMode};

use crate::servers::{Postgres, Process, service, wait_until, zookeeper};

const VNODES: u32 = 1024;
const OBJECTS: u64 = 3000;

/// Two shards of one PostgreSQL server each, a Moray for each, and one zone of routers.
struct Region {
    layout: Layout,
    directory: LabDirectory,
    ring: Ring,
    postgres: Vec<Postgres>,
    router_zone: ZoneSpec,
    routers: Vec<Option<Process>>,
    client: Client,
    _others: Vec<Process>,
    _temporary: TempDir,
}

impl Region {
    async fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        assert!(
            std::process::Command::new("chmod")
                .arg("755")
                .arg(temporary.path())
                .status()
                .unwrap()
                .success()
        );
        let options = Options {
            peers: 1,
            routers: 1,
            router_instances: 2,
            vnodes: VNODES,
            objects: OBJECTS,
            ..Options::default()
        };
        let host = Host { run_as: None, program: Vec::new(), postgresql: PathBuf::new() };
        let layout = Layout::new(options, AddressBlock::new(202), host).unwrap();
        let directory = LabDirectory::new(temporary.path());
        fs::write(directory.layout(), serde_json::to_string(&layout).unwrap()).unwrap();
        let mut others = vec![zookeeper(temporary.path(), layout.zookeeper().parse().unwrap())];
        let postgres: Vec<Postgres> = layout
            .zones_of(Role::Postgres)
            .map(|zone| Postgres::start(temporary.path(), zone.address))
            .collect();

        let pnodes = layout.shard_names().map(|name| format!("tcp://{name}:2020").parse().unwrap());
        let pnodes: Vec<fash::Pnode> = pnodes.collect();
        let ring = Ring::create(Algorithm::Sha256, VNODES, pnodes.clone()).unwrap();
        for server in &postgres {
            seed::install(server.address(), ShardKind::IndexAndStorage).await.unwrap();
            seed::install(server.address(), ShardKind::Index).await.unwrap();
        }
        let shards: Vec<_> =
            pnodes.into_iter().zip(postgres.iter().map(Postgres::address)).collect();
        let began = Instant::now();
        let loaded = seed::load(1, OBJECTS, &ring, &shards).await.unwrap();
        assert_eq!(loaded.iter().sum::<u64>(), OBJECTS);
        println!("{OBJECTS} objects loaded in {:.2?}", began.elapsed());
        enter_states(&layout).await;

        let router_zone = layout.zones_of(Role::ElectricMoray).next().unwrap().clone();
        let mut region = Self {
            router_zone,
            client: Client::new("127.77.202.20:2020", ClientOptions::default()),
            routers: vec![None, None],
            _others: Vec::new(),
            _temporary: temporary,
            layout,
            directory,
            ring,
            postgres,
        };
        let zookeeper = json!({"servers": region.layout.zookeeper(), "sessionTimeoutMs": 3000});
        for zone in region.layout.zones_of(Role::Moray) {
            let shard = region.layout.shard_name(zone.shard.unwrap());
            let registration = json!({"domain": shard, "type": "moray_host", "ports": [2020]});
            let config = json!({"registration": registration, "zookeeper": zookeeper, "adminIp": zone.address});
            region.write(zone, "/opt/smartdc/registrar/etc/config.json", &config);
            let config = json!({"shard": shard, "zookeeper": zookeeper, "ip": zone.address});
            region.write(zone, "/opt/smartdc/moray/etc/config.json", &config);
            others.push(service(region.directory.path(), zone.uuid, "moray", None));
            others.push(service(region.directory.path(), zone.uuid, "registrar", None));
        }
        let zone = region.router_zone.clone();
        fs::create_dir_all(region.directory.zone(zone.uuid)).unwrap();
        fs::write(region.directory.zone_spec(zone.uuid), serde_json::to_string(&zone).unwrap())
            .unwrap();
        let domain = "electric-moray.lab.example.net";
        let config = json!({"registration": {"domain": domain, "type": "moray_host", "ports": [2020]},
            "zookeeper": zookeeper, "adminIp": zone.address, "healthCheck": {"file": "/var/tmp/electric-moray-ready"}});
        region.write(&zone, "/opt/smartdc/registrar/etc/config.json", &config);
        others.push(service(region.directory.path(), zone.uuid, "registrar", None));
        others.push(service(region.directory.path(), zone.uuid, "haproxy", None));
        region._others = others;
        for instance in 0..2 {
            fash::create_ring(region.ring_path(instance), &region.ring).unwrap();
        }
        region.start_routers(&[1, 2], None);
        region.eventually_put("/start/stor/first").await;
        region
    }

    fn write(&self, zone: &ZoneSpec, path: &str, config: &Value) {
        let path = self.directory.in_zone(zone.uuid, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, config.to_string()).unwrap();
    }

    fn ring_path(&self, instance: usize) -> PathBuf {
        let path = format!("/electric-moray/chash/leveldb-{}", 2021 + instance);
        let path = self.directory.in_zone(self.router_zone.uuid, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Starts the routers with these shards as the configured ones.
    fn start_routers(&mut self, shards: &[u32], read_only: Option<u32>) {
        let shards: Vec<Value> = shards
            .iter()
            .map(|shard| match read_only == Some(*shard) {
                true => json!({"host": self.layout.shard_name(*shard), "readOnly": true}),
                false => json!({"host": self.layout.shard_name(*shard)}),
            })
            .collect();
        let zone = self.router_zone.clone();
        let config = json!({"ringCfg": {"indexShards": shards}, "ip": zone.address, "domain": "lab.example.net",
            "zookeeper": {"servers": self.layout.zookeeper(), "sessionTimeoutMs": 3000}});
        self.write(&zone, "/opt/smartdc/electric-moray/etc/config.json", &config);
        for instance in 0..2 {
            let name = format!(
                "svc:/smartdc/application/electric-moray:electric-moray-{}",
                2021 + instance
            );
            self.routers[instance] =
                Some(service(self.directory.path(), zone.uuid, "electric-moray", Some(&name)));
        }
        // What the old one is connected to is gone.
        self.client = Client::new("127.77.202.20:2020", ClientOptions::default());
        for port in [4021, 4022] {
            wait_until("the router's status server listens", || {
                std::net::TcpStream::connect((zone.address, port)).is_ok()
            });
        }
    }

    fn stop_routers(&mut self) {
        for router in &mut self.routers {
            assert!(
                router.take().unwrap().stop(Signal::TERM),
                "a router that is told to stop ends well"
            );
        }
    }

    async fn eventually_put(&self, key: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Err(error) = self.put(key, &EtagCondition::Any).await {
            assert!(Instant::now() < deadline, "{}", error.with_causes());
            assert!(!error.is_etag_conflict());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn put(&self, key: &str, etag: &EtagCondition) -> Result<moray_client::Put, Error> {
        let (dirname, name) = key.rsplit_once('/').unwrap();
        let value = json!({"dirname": dirname, "key": key, "name": name, "type": "object", "objectId": name});
        let options = PutOptions { etag: etag.clone(), ..Default::default() };
        self.client.put_object("manta", key, &value, &options).await
    }

    /// The server that has a key's directory, and the vnode.
    fn home(&self, directory: &str) -> (&Postgres, Vnode) {
        let node = self.ring.lookup(directory.as_bytes()).unwrap();
        let index = self.ring.pnodes().iter().position(|pnode| pnode == node.pnode).unwrap();
        (&self.postgres[index], node.vnode)
    }

    /// A directory of a shard.
    fn directory_on(&self, shard: usize) -> String {
        let pnode = &self.ring.pnodes()[shard];
        let name = |number: u32| format!("/on{shard}/stor/{number}");
        (0..)
            .map(name)
            .find(|key| self.ring.lookup(key.as_bytes()).unwrap().pnode == pnode)
            .unwrap()
    }
}

impl Drop for Region {
    /// Shows what the services had to say if the test has failed.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in fs::read_dir(self.directory.path()).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("log-") {
                println!(
                    "{}\n{}",
                    entry.path().display(),
                    fs::read_to_string(entry.path()).unwrap()
                );
            }
        }
    }
}

async fn enter_states(layout: &Layout) {
    let client = zookeeper::Client::connect(&layout.zookeeper()).await.unwrap();
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    for zone in layout.zones_of(Role::Postgres) {
        let path = format!("/manatee/{}", layout.shard_name(zone.shard.unwrap()));
        client.mkdir(&path, &options).await.unwrap();
        let ip = zone.address;
        let primary = json!({"id": format!("{ip}:5432:12345"), "ip": ip, "zoneId": zone.uuid,
            "pgUrl": format!("tcp://postgres@{ip}:5432/postgres"), "backupUrl": format!("http://{ip}:12345")});
        let state = json!({"generation": 1, "primary": primary, "sync": null, "async": [], "deposed": [],
            "initWal": "0/00000000", "oneNodeWriteMode": true, "freeze": {"date": "", "reason": "a test"}});
        client
            .create(&format!("{path}/state"), state.to_string().as_bytes(), &options)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn requests_go_through_the_routers_to_their_shards() {
    let mut region = Region::start().await;
    objects_come_and_go(&region).await;
    batches_leave_no_vnode(&region).await;
    searches_find(&region).await;
    all_shards_are_asked(&region).await;
    what_was_there_is_found(&region).await;
    puts_at_once(&region).await;
    a_read_only_primary_says_so(&region).await;
    a_restarted_primary_is_found_again(&mut region).await;
    the_ring_is_held(&mut region).await;
    shards_are_refused(&mut region).await;
}

async fn objects_come_and_go(region: &Region) {
    for shard in 0..2 {
        let directory = region.directory_on(shard);
        let key = format!("{directory}/é \"x\"");
        let (server, vnode) = region.home(&directory);
        let put = region.put(&key, &EtagCondition::Absent).await.unwrap();
        let node = put.node.unwrap();
        assert_eq!(
            (node.vnode, node.pnode.as_str()),
            (vnode.number().into(), region.ring.pnodes()[shard].as_str())
        );
        let conflict = region.put(&key, &EtagCondition::Absent).await.unwrap_err();
        assert!(conflict.is_etag_conflict());
        let words =
            format!("manta::{key} was expected to have etag \"null\", but was \"{}\"", put.etag);
        assert_eq!(conflict.server_error().unwrap().message, words);
        let again = region.put(&key, &EtagCondition::Is(put.etag.clone())).await.unwrap();
        assert_eq!(again.etag, put.etag, "the same value has the same etag");
        let wrong = EtagCondition::Is("00000000".to_owned());
        assert!(region.put(&key, &wrong).await.unwrap_err().is_etag_conflict());

        let object = region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap();
        assert_eq!(object.etag, put.etag);
        assert_eq!(object.value.get("vnode"), None);
        assert_eq!(object.value["key"], key.as_str());
        assert_eq!(object.node.unwrap().vnode, u64::from(vnode.number()));
        let row = format!(
            "SELECT _vnode, dirname, objectid, _value::json->>'vnode' FROM manta WHERE _key = '{key}'"
        );
        let name = "é \"x\"";
        assert_eq!(server.sql(&row), format!("{vnode}|{directory}|{name}|{vnode}"));
        let counts = format!(
            "SELECT entries, _vnode, _etag FROM manta_directory_counts WHERE _key = '{directory}'"
        );
        assert_eq!(server.sql(&counts), format!("1|{vnode}|_trigger"));
        let counter = region
            .client
            .get_object("manta_directory_counts", &directory, &GetOptions::default())
            .await;
        assert_eq!(counter.unwrap().value, json!({"entries": 1}));

        let delete = DeleteOptions { etag: wrong, ..Default::default() };
        assert!(
            region
                .client
                .delete_object("manta", &key, &delete)
                .await
                .unwrap_err()
                .is_etag_conflict()
        );
        region.client.delete_object("manta", &key, &DeleteOptions::default()).await.unwrap();
        let gone =
            region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap_err();
        assert!(gone.is_not_found());
        assert_eq!(gone.server_error().unwrap().message, format!("manta::{key} does not exist"));
        assert_eq!(server.sql(&counts), "");
    }
    let unknown =
        region.client.get_object("nothing", "k", &GetOptions::default()).await.unwrap_err();
    assert_eq!(
        unknown.server_error().unwrap().to_string(),
        "BucketNotFoundError: nothing does not exist"
    );
    assert!(region.client.ping(false).await.unwrap_err().is_unsupported_method());
}

async fn batches_leave_no_vnode(region: &Region) {
    let directory = region.directory_on(1);
    let (server, vnode) = region.home(&directory);
    let keys = ["a", "b"].map(|name| format!("{directory}/{name}"));
    region.put(&keys[0], &EtagCondition::Any).await.unwrap();
    let put = |key: &String| BatchRequest::Put {
        bucket: "manta".to_owned(),
        key: key.clone(),
        value: json!({"dirname": directory, "name": "batched"}),
        etag: EtagCondition::Any,
    };
    let upload = BatchRequest::Put {
        bucket: "manta_uploads".to_owned(),
        key: format!("x:{}", keys[0]),
        value: json!({"uploadId": "x", "finalizingType": "commit"}),
        etag: EtagCondition::Absent,
    };
    let requests = [put(&keys[0]), put(&keys[1]), upload.clone()];
    let etags = region.client.batch(&requests, &BatchOptions::default()).await.unwrap();
    assert_eq!(etags.len(), 3);
    let nulls =
        format!("SELECT count(*) FROM manta WHERE dirname = '{directory}' AND _vnode IS NULL");
    assert_eq!(server.sql(&nulls), "2");
    assert_eq!(
        server.sql("SELECT count(*) FROM manta_uploads WHERE uploadid = 'x' AND _vnode IS NULL"),
        "1"
    );
    // All or nothing: the upload is there already.
    let delete = BatchRequest::Delete {
        bucket: "manta".to_owned(),
        key: keys[1].clone(),
        etag: EtagCondition::Any,
    };
    let failed =
        region.client.batch(&[delete.clone(), upload], &BatchOptions::default()).await.unwrap_err();
    assert!(failed.is_etag_conflict());
    assert_eq!(server.sql(&nulls), "2");
    region.client.batch(&[delete], &BatchOptions::default()).await.unwrap();
    assert_eq!(server.sql(&nulls), "1");
    region.put(&keys[0], &EtagCondition::Any).await.unwrap();
    let row = format!("SELECT _vnode FROM manta WHERE _key = '{}'", keys[0]);
    assert_eq!(server.sql(&row), vnode.to_string());
}

async fn searches_find(region: &Region) {
    let directory = format!("{}/search", region.directory_on(0));
    for number in 0..7 {
        region.put(&format!("{directory}/{number}"), &EtagCondition::Any).await.unwrap();
    }
    let sort =
        moray_client::Sort { attribute: "name".to_owned(), order: moray_client::Order::Descending };
    let options = FindOptions {
        route: Some(Route::HashKey(directory.clone())),
        limit: Some(3),
        offset: Some(1),
        sort: Some(sort),
        ..Default::default()
    };
    let filter = format!("(&(dirname={directory})(objectId=*))");
    let found =
        region.client.find_objects("manta", &filter, &options).await.unwrap().all().await.unwrap();
    let names: Vec<_> = found.iter().map(|object| object.value["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["5", "4", "3"]);
    assert!(
        found.iter().all(|object| object.count == Some(7) && object.value.get("vnode").is_none())
    );
    let without = FindOptions { route: None, ..options.clone() };
    let refused = region
        .client
        .find_objects("manta", &filter, &without)
        .await
        .unwrap()
        .all()
        .await
        .unwrap_err();
    let words = "Error: Invalid search request, requires either token or hashkey";
    assert_eq!(refused.server_error().unwrap().to_string(), words);
    let refused = region
        .client
        .find_objects("manta", "(size=1)", &options)
        .await
        .unwrap()
        .all()
        .await
        .unwrap_err();
    assert_eq!(refused.server_error().unwrap().name.as_str(), "NotIndexedError");
}

async fn all_shards_are_asked(region: &Region) {
    let names: Vec<_> = region.ring.pnodes().iter().map(ToString::to_string).collect();
    assert_eq!(region.client.tokens().await.unwrap(), names);
    let sql = "SELECT inet_server_addr()::text AS server, $1::int + 1 AS number, 5000000000 AS big, NULL AS nothing, \
               1.50::numeric AS numeric, true AS yes";
    let rows = region
        .client
        .sql(sql, &[json!(41)], &SqlOptions::default())
        .await
        .unwrap()
        .all()
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0]["server"], rows[1]["server"]);
    for row in rows {
        assert_eq!((&row["number"], &row["big"]), (&json!(42), &json!("5000000000")));
        assert_eq!(
            (&row["nothing"], &row["numeric"], &row["yes"]),
            (&json!(null), &json!("1.50"), &json!(true))
        );
    }
    let wrong = region
        .client
        .sql("SELECT 1/0", &[], &SqlOptions::default())
        .await
        .unwrap()
        .all()
        .await
        .unwrap_err();
    let words = "MultiError: first of 2 errors: division by zero";
    assert_eq!(wrong.server_error().unwrap().to_string(), words);

    let call = async |method: &str, args: Vec<Value>| {
        region.client.call(method, &args, moray_client::Nulls::Ignore).await.unwrap().all().await
    };
    let config = json!({"index": {"name": {"type": "string"}, "size": {"type": "number"}}, "options": {"version": 3}});
    for _ in 0..2 {
        call("createBucket", vec![json!("canaries"), config.clone(), json!({})]).await.unwrap();
    }
    let bucket = call("getBucket", vec![json!({}), json!("canaries")]).await.unwrap();
    assert_eq!(bucket[0]["name"], "canaries");
    let value = json!({"name": "tweety", "size": 12, "song": [1.5, null]});
    region.client.put_object("canaries", "k", &value, &PutOptions::default()).await.unwrap();
    let object = region.client.get_object("canaries", "k", &GetOptions::default()).await.unwrap();
    assert_eq!(object.value, value);
    let moray = Client::new("127.77.202.150:2020", ClientOptions::default());
    moray.ping(true).await.unwrap();
    assert_eq!(moray.version().await.unwrap(), 2);
    assert!(moray.tokens().await.unwrap_err().is_unsupported_method());
}

/// What was loaded: by key, by its count, and at its owner.
async fn what_was_there_is_found(region: &Region) {
    let mut entries = std::collections::HashMap::new();
    for (number, row) in seed::objects(1, OBJECTS, &region.ring).enumerate() {
        if row.bucket == "manta" {
            *entries.entry(row.columns[0].clone().unwrap()).or_insert(0) += 1;
        }
        let routed = row.bucket == "manta" || row.bucket == "manta_uploads";
        if routed && number % 97 == 0 {
            let object = region
                .client
                .get_object(row.bucket, &row.key, &GetOptions::default())
                .await
                .unwrap();
            let mut value: Value = serde_json::from_str(&row.value).unwrap();
            value.as_object_mut().unwrap().remove("vnode");
            assert_eq!((object.value, object.etag), (value, row.etag));
        }
    }
    for (directory, count) in entries.iter().take(50) {
        let counter = region
            .client
            .get_object("manta_directory_counts", directory, &GetOptions::default())
            .await;
        assert_eq!(counter.unwrap().value["entries"], *count);
    }
    for (server, pnode) in region.postgres.iter().zip(region.ring.pnodes()) {
        let vnodes = server.sql("SELECT DISTINCT _vnode FROM manta WHERE _vnode IS NOT NULL");
        for vnode in vnodes.lines() {
            assert_eq!(region.ring.node(vnode.parse().unwrap()).unwrap().pnode, pnode);
        }
    }
}

async fn puts_at_once(region: &Region) {
    const PUTS: usize = 3000;
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    let began = Instant::now();
    let options = ClientOptions { connections: 4.try_into().unwrap(), ..Default::default() };
    let client = Client::new("127.77.202.20:2020", options);
    for _ in 0..32 {
        let (client, next) = (client.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= PUTS {
                    return;
                }
                // Every new key twice and at once, which is a race.
                let (directory, name) = (number / 2 % 100, number / 2);
                let key = format!("/load/stor/{directory}/{name}");
                let value =
                    json!({"dirname": format!("/load/stor/{directory}"), "name": name.to_string()});
                client.put_object("manta", &key, &value, &PutOptions::default()).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    println!("{:.0} puts a second", PUTS as f64 / began.elapsed().as_secs_f64());
    let count = |server: &Postgres| -> usize {
        server.sql("SELECT count(*) FROM manta WHERE _key LIKE '/load/%'").parse().unwrap()
    };
    assert_eq!(region.postgres.iter().map(count).sum::<usize>(), PUTS / 2);
    let entries = |server: &Postgres| -> usize {
        let sql = "SELECT coalesce(sum(entries), 0) FROM manta_directory_counts WHERE _key LIKE '/load/%'";
        server.sql(sql).parse().unwrap()
    };
    assert_eq!(region.postgres.iter().map(entries).sum::<usize>(), PUTS / 2);
}

async fn a_read_only_primary_says_so(region: &Region) {
    let directory = region.directory_on(0);
    let (server, _) = region.home(&directory);
    let set = |value: &str| {
        server.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
        server.sql("SELECT pg_reload_conf()");
    };
    let key = format!("{directory}/read-only");
    region.put(&key, &EtagCondition::Any).await.unwrap();
    set("on");
    let deadline = Instant::now() + Duration::from_secs(10);
    let refused = loop {
        match region.put(&key, &EtagCondition::Any).await {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < deadline, "the server still takes writes"),
        }
    };
    let error = refused.server_error().unwrap().to_string();
    assert_eq!(error, "error: cannot execute SELECT FOR UPDATE in a read-only transaction");
    region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap();
    set("off");
    region.eventually_put(&key).await;
}

async fn a_restarted_primary_is_found_again(region: &mut Region) {
    let directories = [region.directory_on(0), region.directory_on(1)];
    region.postgres[0].stop();
    let refused =
        region.put(&format!("{}/x", directories[0]), &EtagCondition::Any).await.unwrap_err();
    assert!(refused.is_retryable(), "{}", refused.with_causes());
    region.put(&format!("{}/x", directories[1]), &EtagCondition::Any).await.unwrap();
    region.postgres[0].resume();
    region.eventually_put(&format!("{}/x", directories[0])).await;
}

async fn the_ring_is_held(region: &mut Region) {
    for instance in 0..2 {
        let in_use = RingEditor::open(region.ring_path(instance)).unwrap_err();
        assert!(StoreError::holder(&in_use).is_some(), "{in_use}");
    }
    let status = status(region).await;
    assert_eq!(status["client_list"], json!(region.ring.pnodes()));
    let hosts = json!([{"host": "1.moray.lab.example.net"}, {"host": "2.moray.lab.example.net"}]);
    assert_eq!(status["index_shards"], hosts);
    assert_eq!(status["smf_fmri"], "svc:/smartdc/application/electric-moray:electric-moray-2021");
    region.stop_routers();
    let directory = region.directory_on(0);
    let (_, vnode) = region.home(&directory);
    for instance in 0..2 {
        let mut ring = RingEditor::open(region.ring_path(instance)).unwrap();
        ring.set_data(&[vnode], &VnodeData::read_only()).unwrap();
    }
    region.start_routers(&[1, 2], None);
    let key = format!("{directory}/x");
    let refused = region.put(&key, &EtagCondition::Any).await.unwrap_err();
    let words = "ReadOnlyError: some vnodes are in read-only mode";
    assert_eq!(refused.server_error().unwrap().to_string(), words);
    let object = region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap();
    assert!(object.node.unwrap().is_read_only());
    region.put(&format!("{}/x", region.directory_on(1)), &EtagCondition::Any).await.unwrap();
    region.stop_routers();
    for instance in 0..2 {
        RingEditor::open(region.ring_path(instance))
            .unwrap()
            .set_data(&[vnode], &VnodeData::NONE)
            .unwrap();
    }
}

async fn shards_are_refused(region: &mut Region) {
    let key = format!("{}/x", region.directory_on(1));
    let words = "ReadOnlyError: pnode \"tcp://2.moray.lab.example.net:2020\" is in read-only mode";
    for (listed, read_only) in [(&[1][..], None), (&[1, 2], Some(2))] {
        region.start_routers(listed, read_only);
        let refused = region.put(&key, &EtagCondition::Any).await.unwrap_err();
        assert_eq!(refused.server_error().unwrap().to_string(), words);
        region.client.get_object("manta", &key, &GetOptions::default()).await.unwrap();
        region.put(&format!("{}/x", region.directory_on(0)), &EtagCondition::Any).await.unwrap();
        region.stop_routers();
    }
}

async fn status(region: &Region) -> Value {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream =
        tokio::net::TcpStream::connect((region.router_zone.address, 4021)).await.unwrap();
    stream
        .write_all(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).unwrap()
}
