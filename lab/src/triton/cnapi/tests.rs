//! CNAPI, asked by curl.

use tokio::process::Command;

use super::*;
use crate::role::Role;
use crate::zones::tests::Lab;

struct Asked {
    server: ApiServer,
    cnapi: Arc<Cnapi>,
}

impl Asked {
    async fn new(lab: &Lab) -> Self {
        let cnapi = Cnapi::new(lab.zones.clone());
        let address = ([127, 0, 0, 1], 0).into();
        let server = cnapi.serve(address, FaultPoint::none()).await.unwrap();
        Self { server, cnapi }
    }

    /// Runs curl: the status and the body. Without an answer the status is 0, the body curl's exit code.
    async fn curl(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-g", "-w", "\n%{http_code}", "--max-time", "20"]);
        if let Some(body) = body {
            curl.args(["-H", "content-type: application/json", "-d", &body.to_string()]);
        }
        let url = format!("http://{}{path}", self.server.address());
        let output = curl.arg(url).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        match status.parse().unwrap() {
            0 => (0, json!(output.status.code())),
            status => (status, serde_json::from_str(body).unwrap_or_default()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_listed_by_strict_parameters() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Webapi).await;
    let asked = Asked::new(&lab).await;
    let (status, all) = asked.curl("/servers", None).await;
    let uuids: Vec<&str> =
        all.as_array().unwrap().iter().map(|server| server["uuid"].as_str().unwrap()).collect();
    assert_eq!((status, uuids.len(), uuids.is_sorted()), (200, 3, true));
    for member in ["sysinfo", "vms", "agents", "memory_total_bytes", "last_heartbeat"] {
        assert_eq!(all[0].get(member), None, "{member}");
    }
    assert_eq!(all[0]["status"], "running");
    let (_, page) = asked.curl("/servers?limit=1&offset=1&extras=vms,memory", None).await;
    assert_eq!(page[0]["uuid"], json!(uuids[1]));
    assert!(page[0]["vms"].is_object() && page[0].get("sysinfo").is_none());
    let (_, none) = asked.curl("/servers?reserved=true", None).await;
    assert_eq!(none, json!([]));
    let (status, error) = asked.curl("/servers?uuid=x", None).await;
    let expected = json!({
        "code": "InvalidArgument", "message": "uuid is not an explicitly defined parameter",
    });
    assert_eq!((status, error), (409, expected));
    let (status, error) = asked.curl("/servers?setup=maybe", None).await;
    assert_eq!((status, &error["code"]), (500, &json!("InvalidParameters")));
    assert_eq!(error["errors"][0]["field"], "setup");
    assert_eq!(asked.curl("/servers?limit=1001", None).await.0, 400);

    let server = lab.zones.status(zone).unwrap().spec.server;
    let (status, one) = asked.curl(&format!("/servers/{server}"), None).await;
    assert_eq!((status, &one["vms"][zone.to_string()]["state"]), (200, &json!("running")));
    assert_eq!(asked.curl(&format!("/servers/{server}?extras=all"), None).await.0, 409);
    let (status, error) = asked.curl("/servers/x", None).await;
    assert_eq!((status, &error["message"]), (409, &json!("Invalid server_uuid")));
    let unknown = Uuid::new_v4();
    let (status, error) = asked.curl(&format!("/servers/{unknown}"), None).await;
    let expected =
        json!({"code": "ResourceNotFound", "message": format!("Server {unknown} not found")});
    assert_eq!((status, error), (404, expected));
    assert_eq!(asked.curl("/ping", None).await.1["ready"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_are_executed() {
    let lab = Lab::new();
    let asked = Asked::new(&lab).await;
    let server = lab.zones.layout().servers[0].uuid;
    let path = format!("/servers/{server}/execute");
    let script =
        "#!/usr/bin/env bash\necho \"$GREETING $LAB_ZONE $2\"\necho err >&2\nexit ${3:-0}\n";
    let args = json!(["one", "t'w o"]);
    let body = json!({"script": script, "args": args, "env": {"GREETING": "hello"}});
    let said = format!("hello server:{server} t'w o");
    assert_eq!(asked.curl(&path, Some(body)).await, (200, json!(said)));
    let args = json!(["one", "two", "113"]);
    let body = json!({"script": script, "args": args, "json": true});
    let (status, done) = asked.curl(&path, Some(body.clone())).await;
    let expected = json!({
        "exitCode": 113, "stdout": format!(" server:{server} two\n"), "stderr": "err\n",
    });
    assert_eq!((status, done), (200, expected));
    let mut plain = body;
    plain["json"] = json!("false");
    let (status, error) = asked.curl(&path, Some(plain.clone())).await;
    let expected = json!({"code": "InternalError", "message": "Error executing on remote system"});
    assert_eq!((status, error), (500, expected));
    plain["timeout"] = json!(1000);
    // "Empty reply from server"
    assert_eq!(asked.curl(&path, Some(plain)).await, (0, json!(52)));
    for (body, field) in [
        (json!({}), "script"),
        (json!({"script": 1}), "script"),
        (json!({"script": "#!/bin/bash", "args": "x"}), "args"),
        (json!({"script": "#!/bin/bash", "json": 1}), "json"),
    ] {
        let (status, error) = asked.curl(&path, Some(body)).await;
        assert_eq!((status, &error["code"]), (500, &json!("InvalidParameters")));
        assert_eq!(error["errors"][0]["field"], field);
    }
    let left =
        std::fs::read_dir(lab.directory.path().join(format!("servers/{server}/root/var/tmp")));
    assert_eq!(left.unwrap().count(), 0);
    asked.cnapi.set_silent(server, true);
    let (status, error) = asked.curl(&path, Some(json!({"script": "#!/bin/bash\n"}))).await;
    assert_eq!((status, &error["code"]), (409, &json!("ServerNotRunning")));
    let (_, object) = asked.curl(&format!("/servers/{server}"), None).await;
    assert_eq!(object["status"], "unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_tell_how_they_ended() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Webapi).await;
    let asked = Asked::new(&lab).await;
    let server = lab.zones.status(zone).unwrap().spec.server;
    let path = format!("/servers/{server}/vms/{zone}/stop");
    let (_, started) = asked.curl(&path, Some(json!({}))).await;
    let id = started["id"].as_str().unwrap();
    let (status, task) = asked.curl(&format!("/tasks/{id}/wait?timeout=10"), None).await;
    assert_eq!((status, &task["status"]), (200, &json!("complete")));
    assert_eq!(task["history"][0]["name"], "finish");
    assert_eq!(lab.zones.status(zone).unwrap().state, crate::control::ZoneState::Stopped);
    let (status, error) = asked.curl(&format!("/tasks/{}", Uuid::new_v4()), None).await;
    assert_eq!((status, &error["message"]), (404, &json!("no such task found")));
}
