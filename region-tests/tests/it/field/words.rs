//! The words that an operator types and is told: short names, completion, one finding for one cause, and where files go.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::super::started::{Region, small};

/// An API that fails at everything, at length, and would like to write on the operator's terminal.
fn failing_api() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let message = format!("\\u001b[2J{}", "everything is broken ".repeat(400));
            let body = format!(r#"{{"code":"InternalError","message":"{message}"}}"#);
            let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.read(&mut asked).and_then(|_| stream.write_all(answer.as_bytes())).ok();
        }
    });
    address
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refused(region: &Region, arguments: &[&str]) -> String {
    let output = region.reshard(arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_understood_and_told_what_is_so() {
    let region = Region::start(small(), 5.0).await;
    let second = region.lab.layout().shard_name(2);

    let every = region.output(&["shards", "-o", "json"]).await.stdout;
    let every: Value = serde_json::from_slice(&every).unwrap();
    let shards = every["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 2, "{every}");
    let vnodes: u64 = shards.iter().map(|line| line["vnodes"].as_u64().unwrap()).sum();
    assert_eq!((vnodes, &every["unknown"]), (1024, &Value::Array(Vec::new())), "{every}");
    for line in shards {
        assert_eq!((&line["peers"], &line["trouble"]), (&Value::from(3), &Value::Null), "{line}");
        assert_eq!(
            (&line["listed"], &line["read_only"]),
            (&Value::from(true), &Value::from(false))
        );
        assert!(line["bytes"].as_u64().unwrap() > 0, "{line}");
    }

    let shown = region.output(&["shard", "show", "2", "-o", "json"]).await.stdout;
    let shown: Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown["shard"], second.as_str());
    assert!(
        refused(&region, &["peers", "show", "9"])
            .await
            .contains("there is no shard 9. There are: ")
    );
    let misspelt = second.replace("moray", "morey");
    let said = refused(&region, &["peers", "show", &misspelt]).await;
    assert!(said.contains(&format!("did you mean {second}?")), "{said}");

    let mut asking = region.reshard(&["--", "reshard", "doctor", "2"]);
    asking.env("RESHARD_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
    let offered = asking.output().await.unwrap();
    assert_eq!(String::from_utf8(offered.stdout).unwrap().trim(), second);

    let here = region.file("here");
    fs::create_dir(&here).unwrap();
    let mut planning = region.reshard(&["plan", "new", "2", "split.plan", "--layout", "one-peer"]);
    planning.current_dir(&here).env("XDG_CACHE_HOME", region.file("caches"));
    let planned = planning.output().await.unwrap();
    assert!(planned.status.success(), "{planned:?}");
    let written: Vec<_> = fs::read_dir(&here).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(written, [here.join("split.plan")]);
    assert_eq!(mode(&here.join("split.plan")), 0o600);
    let cache = region.file("caches").join("reshard");
    assert_eq!(mode(&cache), 0o700);
    let kept: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(mode(&kept[0]), 0o600);

    let zones = region.control.zones().await.unwrap();
    let explained = region.output(&["lab", "exec", &zones[0].spec.alias, "svcs", "-xv"]).await;
    assert_eq!(String::from_utf8(explained.stdout).unwrap(), "");

    one_cause_is_one_finding(&region, &second).await;
    region.end().await;
}

async fn one_cause_is_one_finding(region: &Region, shard: &str) {
    let failing = failing_api();
    let configuration = fs::read_to_string(region.lab.configuration()).unwrap();
    let lines = configuration.lines().map(|line| match line.split_once(" = ") {
        Some(("sapi", _)) => format!("sapi = \"http://{failing}\"\n"),
        _ => format!("{line}\n"),
    });
    let broken = region.file("broken.toml");
    fs::write(&broken, lines.collect::<String>()).unwrap();
    let mut doctor = region.reshard(&["doctor", shard, "-o", "json"]);
    let doctor = doctor.env("RESHARD_CONFIG", &broken).env("HOME", region.file("home"));
    let output = doctor.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let naming = |check: &&Value| check["found"].as_str().unwrap().contains("everything is broken");
    let told: Vec<&Value> = checks.iter().filter(naming).collect();
    let [told] = told[..] else { panic!("told {} times: {report}", told.len()) };
    let found = told["found"].as_str().unwrap();
    assert_eq!(told["name"], "answers", "{told}");
    assert!(found.contains(&format!("SAPI: GET http://{failing}/applications")), "{found}");
    assert!(found.contains(" checks need it: "), "{found}");
    assert!(!found.contains(char::is_control) && found.contains(r"\u{1b}[2J"), "{found}");
    let remedy = told["remedy"].as_str().unwrap();
    assert!(remedy.contains(&format!("`curl -i http://{failing}/ping`")), "{remedy}");
}
