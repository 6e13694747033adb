//! A lab for the tests.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lab::control::{ControlClient, ExecRequest, ExecResponse, ZoneStatus};
use lab::{Lab, Options, Role};
use moray_client::{Client, ClientOptions, PutOptions};
use serde_json::json;
use uuid::Uuid;

use super::run;

/// Two shards of two peers, one zone of routers.
pub(super) struct Region {
    pub(super) lab: Lab,
    pub(super) control: ControlClient,
}

impl Region {
    pub(super) async fn start() -> Self {
        let options = Options {
            peers: 2,
            routers: 1,
            router_instances: 2,
            vnodes: 256,
            objects: 2000,
            ..Options::default()
        };
        Self::with(options).await
    }

    /// A lab of any size.
    pub(super) async fn with(options: Options) -> Self {
        let builder = Lab::builder().program(env!("CARGO_BIN_EXE_reshard-lab")).options(options);
        let lab = builder.start().await.unwrap();
        let control = ControlClient::new(&format!("http://{}", lab.layout().block.control()));
        Self { lab, control }
    }

    /// The URL of an API.
    pub(super) fn url(&self, api: &str, path: &str) -> String {
        super::remembered::url(self.lab.layout(), api, path)
    }

    /// The `number`th zone of a role.
    pub(super) fn zone(&self, role: Role, number: usize) -> ZoneStatus {
        let spec = self.lab.layout().zones_of(role).nth(number).unwrap();
        let mut zones = self.lab.zones().into_iter();
        zones.find(|zone| zone.spec.uuid == spec.uuid).unwrap()
    }

    /// Runs a script under bash in a zone.
    pub(super) async fn script(&self, zone: Uuid, script: &str) -> ExecResponse {
        let request = ExecRequest { stdin: script.to_owned(), ..ExecRequest::default() };
        let request = request.within(Duration::from_mins(1));
        let answer = self.control.exec(zone, &request).await.unwrap();
        assert!(!answer.timed_out, "{script}: {answer:?}");
        answer
    }

    /// The output of a script in a zone. It has to succeed.
    pub(super) async fn output(&self, zone: Uuid, script: &str) -> String {
        let answer = self.script(zone, script).await;
        assert_eq!(answer.exit_code, 0, "{script}: {answer:?}");
        answer.stdout
    }

    /// The output of zkCli.sh for a command.
    pub(super) async fn zookeeper(&self, command: &str) -> String {
        let nameservice = self.zone(Role::Nameservice, 0).spec.uuid;
        self.output(nameservice, &format!("zkCli.sh {command}")).await
    }

    /// Writes objects through the routers, to every shard at least one.
    pub(super) async fn writes(&self) -> Result<(), moray_client::Error> {
        let router = self.zone(Role::ElectricMoray, 0).spec.address;
        let client = Client::new(format!("{router}:2020"), ClientOptions::default());
        let mut written = BTreeSet::new();
        for number in 0.. {
            let owner = "b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69";
            let dirname = format!("/{owner}/stor/written-{number}");
            let key = format!("{dirname}/object");
            let value = json!({
                "key": key, "dirname": dirname, "name": "object", "owner": owner, "type": "object",
                "objectId": number.to_string(),
            });
            let put = client.put_object("manta", &key, &value, &PutOptions::default()).await?;
            written.extend(put.node.map(|node| node.pnode));
            if written.len() == self.lab.layout().shard_names().count() {
                break;
            }
        }
        Ok(())
    }

    /// The answer of the primary of a shard to psql.
    pub(super) async fn psql(&self, shard: u32, sql: &str) -> String {
        let layout = self.lab.layout();
        let primary = lab::primary(layout, &layout.shard_name(shard)).await.unwrap();
        psql(&primary.ip().to_string(), sql)
    }

    pub(super) async fn stop_and_leave_nothing(self) {
        let directory: PathBuf = self.lab.directory().path().to_owned();
        let address = self.lab.layout().block.control().ip().to_string();
        let prefix = address.trim_end_matches('1').to_owned();
        self.lab.stop().await;
        assert!(!directory.exists(), "{}", directory.display());
        let sockets = run("ss", &["-Hltn"]);
        assert!(!sockets.contains(&prefix), "somebody still listens:\n{sockets}");
        let processes =
            Command::new("pgrep").args(["-f", &directory.display().to_string()]).output();
        let processes = String::from_utf8(processes.unwrap().stdout).unwrap();
        assert_eq!(processes, "", "processes of the lab are left");
    }
}

/// The answer of a PostgreSQL server to psql.
pub(super) fn psql(server: &str, sql: &str) -> String {
    let text = run("psql", &["-h", server, "-U", "postgres", "-d", "moray", "-XAtc", sql]);
    text.trim().to_owned()
}

/// Every zone has its address and the ports of production.
pub(super) fn every_address_answers(region: &Region) {
    for zone in region.lab.layout().zones_of(Role::Postgres) {
        let address = zone.address;
        assert_eq!(psql(&address.to_string(), "select 1"), "1");
        let log = region.lab.directory().zone_log(zone.uuid).join("manatee-sitter.log");
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("database system is ready to accept"), "{log}");
        let in_vain = |line: &&str| line.contains("FATAL") && line.contains("does not exist");
        assert_eq!(log.lines().find(in_vain), None, "somebody asks for what is not made yet");
        let state = super::curl(&[&format!("http://{address}:5433/state")]);
        assert_eq!(state["zkstate"]["generation"], json!(1), "{state}");
        let jobs = run(
            "curl",
            &[
                "-sS",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                &format!("http://{address}:12345/backup/{}", Uuid::nil()),
            ],
        );
        assert_eq!(jobs, "404");
    }
    let router = region.zone(Role::ElectricMoray, 0).spec.address;
    for port in [4021, 4022] {
        let status = super::curl(&[&format!("http://{router}:{port}/status")]);
        assert_eq!(status["client_list"].as_array().unwrap().len(), 2, "{status}");
        assert_eq!(status["index_shards"][0]["host"], json!("1.moray.lab.example.net"));
    }
    for (api, path) in
        [("sapi", "/ping"), ("imgapi", "/ping"), ("vmapi", "/ping"), ("cnapi", "/ping")]
    {
        super::curl(&[&region.url(api, path)]);
    }
    let shards =
        run("curl", &["-sS", &region.url("sapi", "/applications?name=manta&include_master=true")]);
    assert!(shards.contains("INDEX_MORAY_SHARDS"), "{shards}");
}
