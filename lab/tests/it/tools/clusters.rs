//! Tools that ask ZooKeeper and PostgreSQL: `manatee-adm`, `zkCli.sh`, the nightly dump.

use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};
use test_servers::{Postgres, ZooKeeper, postgresql_programs};
use zookeeper::{Acls, CreateMode};

use super::{run, tool};
use crate::servers::zookeeper_client;

const SHARD: &str = "1.moray.lab.example.net";
const HOST: &str = "127.77.204.40";

fn peer(number: u8, port: u16) -> Value {
    let ip = format!("127.77.204.{number}");
    json!({
        "id": format!("{ip}:{port}:12345"), "ip": ip, "pgUrl": format!("tcp://postgres@{ip}:{port}/postgres"),
        "zoneId": format!("aa{number}c0de-0001-4000-8000-000000000001"), "backupUrl": format!("http://{ip}:12345"),
    })
}

fn singleton(port: u16) -> Value {
    json!({
        "generation": 1, "primary": peer(40, port), "sync": null, "async": [], "deposed": [peer(41, port)],
        "initWal": "0/00000000", "oneNodeWriteMode": true,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn make_nodes(address: &str, nodes: &[(String, String)]) {
    let client = zookeeper_client(address).await;
    for (path, data) in nodes {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        client.create(path, data.as_bytes(), &options).await.unwrap();
    }
}

/// A shard's directories, with a state if there is one.
fn make_shard(address: &str, state: Option<&Value>) {
    let path = |end: &str| (format!("/manatee/{SHARD}{end}"), String::new());
    let mut nodes =
        vec![("/manatee".to_owned(), String::new()), path(""), path("/election"), path("/history")];
    nodes.extend(state.map(|state| (format!("/manatee/{SHARD}/state"), state.to_string())));
    make_nodes(address, &nodes);
}

#[test]
fn a_shard_is_frozen_reaped_and_unfrozen() {
    let zookeeper = ZooKeeper::start();
    make_shard(&zookeeper.address(), Some(&singleton(1)));
    let variables = [("ZK_IPS", zookeeper.address()), ("SHARD", SHARD.to_owned())];
    let adm = |args: &[&str]| run(tool("manatee-adm", &variables, args), "");
    let done = |text: &str| (0, text.to_owned(), String::new());
    let refused = |text: &str| (1, String::new(), text.to_owned());

    assert_eq!(adm(&["freeze", "-r", "CM-1: a\tword"]), done("Frozen.\n"));
    assert_eq!(
        adm(&["freeze", "-r", "CM-2"]),
        refused("manatee-adm freeze: error: shard is already been frozen: CM-1: a\tword\n")
    );
    let (code, shown, _) = adm(&["show"]);
    assert!(code == 0 && shown.contains("freeze info: CM-1: a\tword\n"), "{shown}");
    assert!(
        shown
            .contains("error: cannot query postgres on primary: peer \"aa40c0de\": ECONNREFUSED\n")
    );
    assert_eq!(adm(&["verify"]).0, 1);
    assert_eq!(adm(&["unfreeze"]), done("Unfrozen.\n"));
    assert_eq!(adm(&["unfreeze"]), refused("manatee-adm unfreeze: error: shard is not frozen\n"));
    assert_eq!(adm(&["reap", "-i", "127.77.204.41"]), done("Ok.\n"));
    assert_eq!(
        adm(&["reap", "-i", "127.77.204.41"]),
        refused("manatee-adm reap: error: 127.77.204.41 not in deposed or does not exist\n")
    );
    assert_eq!(
        adm(&["clear-promote"]),
        refused("manatee-adm clear-promote: error: cluster has no outstanding promotion request\n")
    );
    assert_eq!(adm(&["set-onwm", "-m", "off", "-y"]), done("One Node Write Mode set to: off\n"));
    let state: Value = serde_json::from_str(&adm(&["zk-state"]).1).unwrap();
    let mut expected = singleton(1);
    expected["deposed"] = json!([]);
    expected.as_object_mut().unwrap().remove("oneNodeWriteMode");
    assert_eq!(state, expected);
    let (code, history, _) = adm(&["history", "-j"]);
    assert_eq!((code, history.lines().count()), (0, 4));
    assert!(history.starts_with("{\"zkSeq\":0,"), "{history}");
    assert_eq!(adm(&["zk-active"]), done("{}\n"));
}

#[test]
fn a_shard_without_a_state_is_backfilled() {
    let zookeeper = ZooKeeper::start();
    make_shard(&zookeeper.address(), None);
    let variables = [("ZK_IPS", zookeeper.address()), ("SHARD", SHARD.to_owned())];
    let adm = |args: &[&str]| run(tool("manatee-adm", &variables, args), "");

    let none = format!("no state object exists for shard: \"{SHARD}\"\n");
    assert_eq!(adm(&["show", "-v"]), (0, String::new(), format!("manatee-adm: {none}")));
    assert_eq!(adm(&["peers"]), (0, String::new(), format!("manatee-adm: {none}")));
    let error = format!("manatee-adm pg-status: error: {none}");
    assert_eq!(adm(&["pg-status"]), (1, String::new(), error));
    let error = "error: failed to fetch cluster state\n".to_owned();
    assert_eq!(adm(&["verify"]), (1, error, String::new()));
    let error = format!("manatee-adm zk-state: error: No state exists for shard {SHARD}\n");
    assert_eq!(adm(&["zk-state"]), (1, String::new(), error));

    let children: Vec<_> = (40..43)
        .map(|number| {
            let name = format!("127.77.204.{number}:5432:12345-00000000{number}");
            (format!("/manatee/{SHARD}/election/{name}"), peer(number, 5432).to_string())
        })
        .collect();
    make_nodes(&zookeeper.address(), &children);
    let (code, out, computed) = adm(&["state-backfill", "-y"]);
    assert_eq!((code, out.as_str()), (0, "Ok.\n"), "{computed}");
    assert_eq!(adm(&["state-backfill", "-y"]).0, 1);
    let (_, peers, _) = adm(&["peers", "-H", "-o", "role,ip"]);
    let expected = [("primary", 40), ("sync", 42), ("async", 41)];
    let expected =
        expected.map(|(role, ip)| format!("{role:<8} {:<16}\n", format!("127.77.204.{ip}")));
    assert_eq!(peers, expected.concat());

    let lock = ["check-lock", "-p", "/pg_dump_lock"];
    assert_eq!(adm(&lock), (0, String::new(), String::new()));
    let zk = |args: &[&str]| {
        let address = zookeeper.address();
        let address = ["-server", address.as_str()];
        run(tool("zkCli.sh", &[], &[&address[..], args].concat()), "")
    };
    assert_eq!(zk(&["create", "/pg_dump_lock", "resharding"]).0, 0);
    let (code, out, _) = zk(&["get", "/pg_dump_lock"]);
    assert!(code == 0 && out.lines().any(|line| line == "resharding"), "{out}");
    let error = "manatee-adm check-lock: error: lock exists or unable to get lock\n".to_owned();
    assert_eq!(adm(&lock), (1, String::new(), error));
    assert_eq!(zk(&["rmr", "/pg_dump_lock"]).0, 0);
    assert_eq!(adm(&lock).0, 0);
}

#[test]
fn the_nightly_dump() {
    let zookeeper = ZooKeeper::start();
    let host = HOST.parse().unwrap();
    let free = std::net::TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
    let postgres = Postgres::start_at(SocketAddrV4::new(host, free)).in_database("moray");
    postgres.sql_in("postgres", "CREATE DATABASE moray");
    postgres.sql("CREATE TABLE manta (_key text); INSERT INTO manta VALUES ('/a/stor/b')");
    make_shard(&zookeeper.address(), Some(&singleton(postgres.address().port())));
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("bin")).unwrap();
    for name in ["json", "manatee-adm"] {
        symlink(env!("CARGO_BIN_EXE_reshard-lab"), path(&format!("bin/{name}"))).unwrap();
    }
    fs::write(path("sitter.json"), json!({"ip": HOST}).to_string()).unwrap();
    fs::write(path("backup.json"), json!({"service_name": SHARD}).to_string()).unwrap();
    fs::write(path("bashrc"), format!("ZK_IPS={}\nSHARD={SHARD}\n", zookeeper.address())).unwrap();
    let dump = |script: &str| {
        let mut command =
            Command::new(format!("{}/src/pg_dump/{script}", env!("CARGO_MANIFEST_DIR")));
        command.env("PATH", format!("{}:{}", path("bin"), std::env::var("PATH").unwrap()));
        for (name, value) in [
            ("ETC", directory.path().to_str().unwrap().to_owned()),
            ("CLONE", path("clone")),
            ("UPLOAD", path("manta")),
            ("LOG", path("pgdump.log")),
            ("BASHRC", path("bashrc")),
            ("SOURCE_PORT", postgres.address().port().to_string()),
            ("BIN", postgresql_programs().display().to_string()),
            ("MIN_SECONDS", "2".to_owned()),
        ] {
            command.env(format!("PG_DUMP_{name}"), value);
        }
        run(command, "")
    };
    let started = std::time::Instant::now();
    let (code, _, log) = dump("pg_dump.sh");
    let details = || fs::read_to_string(path("pgdump.log")).unwrap();
    assert_eq!(code, 0, "{log}{}", details());
    assert!(started.elapsed().as_secs() >= 1 && log.contains("this is the primary of"), "{log}");
    assert!(!directory.path().join("clone").exists());
    let find = Command::new("find").args([&path("manta"), "-name", "moray-*.gz"]).output().unwrap();
    let dumps = String::from_utf8(find.stdout).unwrap();
    assert!(dumps.contains(&format!("/poseidon/stor/manatee_backups/{SHARD}/20")), "{dumps}");
    let text = Command::new("zcat").arg(dumps.trim()).output().unwrap().stdout;
    assert!(String::from_utf8(text).unwrap().contains("/a/stor/b"));

    make_nodes(&zookeeper.address(), &[("/pg_dump_lock".to_owned(), "resharding".to_owned())]);
    for script in ["pg_dump.sh", "pg_custom_dump.sh"] {
        let (code, _, log) = dump(script);
        assert!(code == 1 && log.contains("fatal: lock exists"), "{log}");
    }
    fs::write(path("sitter.json"), json!({"ip": "127.77.204.99"}).to_string()).unwrap();
    let (code, _, log) = dump("pg_dump.sh");
    assert!(code == 0 && log.contains("not the peer that dumps"), "{log}");
}
