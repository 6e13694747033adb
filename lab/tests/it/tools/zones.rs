//! Tools that ask the control API or Triton's.

use lab::control::{
    ExecResponse, ServiceState, ServiceStatus, SmfAction, SmfRequest, ZoneState, ZoneStatus,
};
use lab::{AddressBlock, Host, Layout, Options, Role};
use serde_json::json;

use super::servers::{Scripted, rule};
use super::{run, tool};

fn layout() -> Layout {
    let host = Host::default();
    Layout::new(Options::default(), AddressBlock::new(204), host).unwrap()
}

const SITTER: &str = "svc:/manta/application/manatee-sitter:default";

fn zone_of(layout: &Layout, role: Role) -> ZoneStatus {
    let service = ServiceStatus {
        fmri: SITTER.to_owned(),
        state: ServiceState::Online,
        since: "2020-01-02T03:04:05Z".parse().unwrap(),
        pid: None,
        properties: [("config/shard".to_owned(), "astring 1.moray".to_owned())].into(),
    };
    let spec = layout.zones_of(role).next().unwrap().clone();
    ZoneStatus { spec, state: ZoneState::Running, services: vec![service] }
}

/// A lab with one zone, in which every command prints `out`.
fn lab(layout: &Layout, zone: &ZoneStatus, out: &str) -> Scripted {
    let text = |value: serde_json::Result<String>| value.unwrap();
    let uuid = zone.spec.uuid;
    let response = ExecResponse {
        exit_code: 3,
        stdout: out.to_owned(),
        stderr: "warned\n".to_owned(),
        ..ExecResponse::default()
    };
    let smf = serde_json::to_string(&zone.services);
    let rules = vec![
        rule("GET /lab", 200, text(serde_json::to_string(layout))),
        rule(&format!("GET /zones/{uuid}"), 200, text(serde_json::to_string(zone))),
        rule("GET /zones", 200, text(serde_json::to_string(&[zone]))),
        rule(&format!("POST /zones/{uuid}/smf"), 200, text(smf)),
        rule(&format!("POST /zones/{uuid}/exec"), 200, text(serde_json::to_string(&response))),
    ];
    Scripted::start("127.77.204.1:0", rules)
}

#[test]
fn services_are_listed_and_stopped() {
    let layout = layout();
    let zone = zone_of(&layout, Role::Postgres);
    let lab = lab(&layout, &zone, "");
    let variables = [("LAB_CONTROL", lab.url()), ("LAB_ZONE", zone.spec.uuid.to_string())];
    let run = |name: &str, args: &[&str]| run(tool(name, &variables, args), "");

    let listed = format!("STATE          STIME    FMRI\nonline         2020     {SITTER}\n");
    assert_eq!(run("svcs", &["manatee-sitter"]), (0, listed, String::new()));
    assert_eq!(run("svcs", &["-Ho", "state", "manatee-sitter"]).1, "online\n");
    assert_eq!(run("svcs", &["-x"]), (0, String::new(), String::new()));
    let explained = run("svcs", &["-xv", "manatee-sitter"]).1;
    assert!(
        explained.contains("State: online since") && explained.contains("Impact: None."),
        "{explained}"
    );
    let (code, out, complaint) = run("svcs", &["muskie"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(complaint, "svcs: Pattern 'muskie' doesn't match any instances\n");
    assert_eq!(run("svcprop", &["-p", "config/shard", "manatee-sitter"]).1, "1.moray\n");
    assert_eq!(run("zonename", &[]).1, format!("{}\n", zone.spec.uuid));
    assert_eq!(run("ptree", &[]).0, 0);

    assert_eq!(
        run("svcadm", &["disable", "-s", "manatee-sitter"]),
        (0, String::new(), String::new())
    );
    let (request, body) = lab.seen().pop().unwrap();
    assert_eq!(request, format!("POST /zones/{}/smf", zone.spec.uuid));
    let expected =
        SmfRequest { action: SmfAction::Disable, instance: SITTER.to_owned(), wait: true };
    assert_eq!(serde_json::from_str::<SmfRequest>(&body).unwrap(), expected);
    let (code, _, complaint) = run("svcadm", &["enable", "muskie"]);
    assert_eq!(code, 1);
    assert_eq!(complaint, "svcadm: Pattern 'muskie' doesn't match any instances\n");
    assert_eq!(run("svcadm", &["dance", "manatee-sitter"]).0, 2);
    assert_eq!(run("svcadm", &["enable", "-q", "manatee-sitter"]).0, 2);
}

#[test]
fn a_zone_is_entered_from_its_servers_global_zone_only() {
    let layout = layout();
    let zone = zone_of(&layout, Role::ElectricMoray);
    let lab = lab(&layout, &zone, "hello\n");
    let uuid = zone.spec.uuid.to_string();
    let place = |place: String| [("LAB_CONTROL", lab.url()), ("LAB_ZONE", place)];
    let global = place(format!("server:{}", zone.spec.server));

    let script = "#!/bin/bash\nsvcs\n";
    let entered = run(tool("zlogin", &global, &["-Q", &uuid, "bash", "-l"]), script);
    assert_eq!(entered, (3, "hello\n".to_owned(), "warned\n".to_owned()));
    let (_, body) = lab.seen().pop().unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let argv = ["bash", "-l", "-c", "bash -l"];
    let hour = 3_600_000;
    let expected = json!({"argv": argv, "env": {}, "stdin": script, "time_limit_ms": hour});
    assert_eq!(body, expected);

    let elsewhere = place(format!("server:{}", uuid::Uuid::new_v4()));
    let (code, _, complaint) = run(tool("zlogin", &elsewhere, &[&uuid, "ls"]), "");
    assert_eq!((code, complaint), (1, format!("zlogin: zone '{uuid}' unknown\n")));
    assert_eq!(run(tool("zlogin", &place(uuid.clone()), &[&uuid, "ls"]), "").0, 1);

    let oneach = run(tool("manta-oneach", &global, &["-s", "electric-moray", "svcs | wc -l"]), "");
    let title = format!("=== Output from {uuid} on server-0 (electric-moray):\n");
    assert_eq!(oneach, (0, format!("{title}hello\nwarned\n\n"), String::new()));
    assert_eq!(run(tool("manta-oneach", &global, &["ls"]), "").0, 2);
    assert!(run(tool("vmadm", &global, &["list"]), "").1.contains(&zone.spec.alias));
}

#[test]
fn the_program_is_the_tool_that_its_name_says() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("json");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_reshard-lab"), &link).unwrap();
    let mut json = std::process::Command::new(link);
    json.args(["-Ha", "metadata.HASH_RING_IMAGE"]);
    let answer = "HTTP/1.1 200 OK\r\n\r\n[{\"metadata\":{\"HASH_RING_IMAGE\":\"i1\"}}]";
    assert_eq!(run(json, answer), (0, "i1\n".to_owned(), String::new()));
    let (code, _, complaint) = run(tool("json", &[], &["-c", "1"]), "{}");
    assert_eq!(code, 2);
    assert!(complaint.contains("not in the lab's json: -c"), "{complaint}");
}

#[test]
fn an_image_is_imported_as_the_real_tool_does() {
    let directory = tempfile::tempdir().unwrap();
    let (manifest, file) = (directory.path().join("m.json"), directory.path().join("ring.tar.gz"));
    let uuid = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55";
    let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let files = json!([{"sha1": sha1, "size": 3, "compression": "gzip"}]);
    let image = json!({"uuid": uuid, "name": "manta-hash-ring", "version": "1", "state": "unactivated", "files": files});
    std::fs::write(&manifest, image.to_string()).unwrap();
    std::fs::write(&file, "abc").unwrap();
    let rules = |activated: u16| {
        vec![
            rule(&format!("POST /images/{uuid}?action=import"), 200, image.to_string()),
            rule(
                &format!("PUT /images/{uuid}/file?compression=gzip&sha1={sha1}"),
                200,
                image.to_string(),
            ),
            rule(&format!("POST /images/{uuid}?action=activate"), activated, image.to_string()),
            rule(&format!("DELETE /images/{uuid}"), 204, ""),
            rule(&format!("GET /images/{uuid}/file"), 200, "abc"),
        ]
    };
    let args = ["import", "-m", manifest.to_str().unwrap(), "-f", file.to_str().unwrap()];
    let imgapi = Scripted::start("127.77.204.3:0", rules(200));
    let variables = [("SDC_IMGADM_URL", imgapi.url())];
    let (code, out, complaint) = run(tool("sdc-imgadm", &variables, &args), "");
    assert_eq!((code, complaint.as_str()), (0, ""));
    assert!(out.ends_with(&format!("Activated image {uuid}\n")), "{out}");
    let requests: Vec<_> = imgapi.seen().into_iter().map(|(request, _)| request).collect();
    assert_eq!(
        requests,
        [
            format!("POST /images/{uuid}?action=import"),
            format!("PUT /images/{uuid}/file?compression=gzip&sha1={sha1}"),
            format!("POST /images/{uuid}?action=activate"),
        ]
    );
    let copy = directory.path().join("copy");
    let get = ["get-file", uuid, "-o", copy.to_str().unwrap()];
    assert_eq!(run(tool("sdc-imgadm", &variables, &get), "").0, 0);
    assert_eq!(std::fs::read(&copy).unwrap(), b"abc");

    let imgapi = Scripted::start("127.77.204.3:0", rules(500));
    let variables = [("SDC_IMGADM_URL", imgapi.url())];
    assert_eq!(run(tool("sdc-imgadm", &variables, &args), "").0, 1);
    assert_eq!(imgapi.seen().pop().unwrap().0, format!("DELETE /images/{uuid}"));
}

#[test]
fn sapi_is_read_and_changed() {
    let layout = layout();
    let zone = zone_of(&layout, Role::Postgres);
    let control = lab(&layout, &zone, "");
    let spec = &zone.spec;
    let (id, service) = (spec.uuid, "66a67b43-6744-4f4d-afee-6f64dc61afb7");
    let instance = json!({
        "uuid": id, "service_uuid": service, "type": "vm", "params": {},
        "metadata": {"SHARD": "1", "DATACENTER": "lab-1", "user-script": "x"},
    });
    let application = json!([{
        "uuid": layout.application, "name": "manta",
        "metadata": {
            "INDEX_MORAY_SHARDS": [{"host": "1.moray.lab.example.net"}, {"host": "2.moray.lab.example.net", "last": true}],
            "STORAGE_MORAY_SHARD": "1.moray.lab.example.net",
        },
    }]);
    let sapi = Scripted::start(
        "127.77.204.2:8080",
        vec![
            rule("GET /applications?name=manta", 200, application.to_string()),
            rule(
                "GET /services?application",
                200,
                json!([{"uuid": service, "name": "postgres"}]).to_string(),
            ),
            rule(&format!("GET /instances/{id}"), 200, instance.to_string()),
            rule("GET /instances?", 200, json!([instance]).to_string()),
            rule(&format!("PUT /instances/{id}"), 200, instance.to_string()),
            rule("POST /instances", 200, instance.to_string()),
        ],
    );
    let vm = json!({
        "uuid": id, "alias": spec.alias, "server_uuid": spec.server, "image_uuid": spec.image,
        "customer_metadata": {"user-script": "#!/bin/bash\n"}, "nics": [{"ip": spec.address, "primary": true}],
    });
    let vmapi = Scripted::start(
        "127.77.204.4:8080",
        vec![
            rule("GET /vms?", 200, json!([vm]).to_string()),
            rule(&format!("GET /vms/{id}"), 200, vm.to_string()),
            rule(&format!("POST /vms/{id}?action=update"), 202, "{}"),
        ],
    );
    let variables = [("LAB_CONTROL", control.url()), ("LAB_ZONE", id.to_string())];
    let run = |name: &str, args: &[&str]| run(tool(name, &variables, args), "");
    let id = id.to_string();

    assert_eq!(
        run("sapiadm", &["update", &id, "metadata.SHARD=3"]),
        (0, String::new(), String::new())
    );
    let (request, body) = sapi.seen().pop().unwrap();
    assert_eq!(request, format!("PUT /instances/{id}"));
    assert_eq!(body, r#"{"metadata":{"SHARD":"3"},"action":"update"}"#);
    assert_eq!(
        run("sapiadm", &["get", "nothing"]),
        (0, "no such object: nothing\n".to_owned(), String::new())
    );
    let (code, out, _) = run("sapiadm", &["reprovision", &id, &id]);
    assert_eq!((code, out), (0, format!("Reprovisioned {id} successfully\n")));

    let data = r#"{"alias":"3.postgres"}"#;
    let (code, out, _) =
        run("sdc-vmapi", &[&format!("/vms/{id}?action=update"), "-X", "POST", "-d", data]);
    assert!(code == 0 && out.starts_with("HTTP/1.1 202") && out.ends_with("{}\n"), "{out}");
    assert_eq!(vmapi.seen().pop().unwrap().1, data);

    let shards = "TYPE         SHARD NAME\nIndex        1.moray.lab.example.net\n\
                  Index        2.moray.lab.example.net\nStorage      1.moray.lab.example.net\n";
    assert_eq!(run("manta-shardadm", &["list"]), (0, shards.to_owned(), String::new()));
    assert_eq!(run("mdata-get", &["user-script"]).1, "#!/bin/bash\n\n");
    assert_eq!(run("mdata-get", &["SAPI_URL"]).1, "http://127.77.204.2:8080\n");
    assert_eq!(
        run("mdata-get", &["nothing"]),
        (1, String::new(), "No metadata for 'nothing'\n".to_owned())
    );

    let (code, shown, complaint) = run("manta-adm", &["show", "-sj"]);
    assert_eq!((code, complaint.as_str()), (0, ""));
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("my_config.json");
    std::fs::write(&config, shown.replace(": 1\n", ": 3\n")).unwrap();
    let (code, out, complaint) = run("manta-adm", &["update", "-y", config.to_str().unwrap()]);
    assert_eq!((code, complaint.as_str()), (0, ""));
    assert_eq!(out.matches("provisioned postgres").count(), 2, "{out}");
    let (request, body) = sapi.seen().pop().unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(request, "POST /instances");
    assert_eq!(body["metadata"]["MANATEE_SHARD_PATH"], "/manatee/1.moray.lab.example.net");
    assert_eq!(body["params"]["server_uuid"], json!(spec.server));
}
