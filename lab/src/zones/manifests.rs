//! The configuration manifests of Manta's services, as they are put into SAPI when a lab is made.

use serde_json::{Value, json};

use crate::layout::Layout;
use crate::role::Role;

/// A configuration file of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// The service that has it.
    pub(crate) role: Role,
    /// Its name in SAPI.
    pub(crate) name: &'static str,
    /// The file that it is rendered to, in the zone.
    pub(crate) path: &'static str,
    /// The template. None has a command to be run afterwards: nothing restarts a service whose file has changed.
    pub(crate) template: Value,
}

impl Manifest {
    /// As [`crate::triton::ManifestTemplate`] has it.
    pub(crate) fn into_template(self) -> (String, String, Value, Vec<Role>) {
        (self.name.to_owned(), self.path.to_owned(), self.template, vec![self.role])
    }
}

/// The path of the registrar's configuration.
const REGISTRAR: &str = "/opt/smartdc/registrar/etc/config.json";

/// All manifests of a lab.
pub(crate) fn manifests(layout: &Layout) -> Vec<Manifest> {
    let timeout = layout.options.session_timeout.as_millis().to_string();
    let text = |template: &str| Value::String(template.replace("SESSION_TIMEOUT", &timeout));
    let registrar = |role, kind: &str, port: u16, health: &str| {
        let template = REGISTRATION.replace("TYPE", kind).replace("\"PORT\"", &port.to_string());
        let template = template.replace("HEALTH", health);
        Manifest { role, name: "registrar", path: REGISTRAR, template: text(&template) }
    };
    vec![
        Manifest {
            role: Role::Postgres,
            name: "manatee-sitter",
            path: "/opt/smartdc/manatee/etc/sitter.json",
            template: text(SITTER),
        },
        Manifest {
            role: Role::Postgres,
            name: "manatee-backup",
            path: "/opt/smartdc/manatee/etc/backup.json",
            template: json!({"service_name": "{{{SERVICE_NAME}}}"}),
        },
        registrar(Role::Postgres, "db_host", 5432, ""),
        Manifest {
            role: Role::Moray,
            name: "moray",
            path: "/opt/smartdc/moray/etc/config.json",
            template: text(MORAY),
        },
        registrar(Role::Moray, "moray_host", 2020, ""),
        Manifest {
            role: Role::ElectricMoray,
            name: "electric-moray",
            path: "/opt/smartdc/electric-moray/etc/config.json",
            template: text(ELECTRIC_MORAY),
        },
        registrar(Role::ElectricMoray, "load_balancer", 2020, READY),
    ]
}

const SITTER: &str = r#"{
  "shardPath": "{{{MANATEE_SHARD_PATH}}}",
  "ip": "{{auto.MANTA_IP}}",
  "postgresPort": 5432,
  "backupPort": 12345,
  "zoneId": "{{auto.ZONENAME}}",
  "zookeeper": {
    "servers": "{{#ZK_SERVERS}}{{host}}:{{port}}{{^last}},{{/last}}{{/ZK_SERVERS}}",
    "sessionTimeoutMs": SESSION_TIMEOUT
  },
  "oneNodeWriteMode": {{#ONE_NODE_WRITE_MODE}}true{{/ONE_NODE_WRITE_MODE}}{{^ONE_NODE_WRITE_MODE}}false{{/ONE_NODE_WRITE_MODE}},
  "dataDir": "/manatee/pg/data"
}
"#;

/// Production's, from moray's `sapi_manifests/moray`, but for the time-out of the session.
const MORAY: &str = r#"{
  "bunyan": {
    "level": "info"
  },
  "manatee": {
    "manatee": {
      "path": "/manatee/{{SERVICE_NAME}}",
      "zk": {
        "connStr": "{{#ZK_SERVERS}}{{host}}:{{port}}{{^last}},{{/last}}{{/ZK_SERVERS}}",
        "opts": {
          "sessionTimeout": SESSION_TIMEOUT,
          "spinDelay": 1000,
          "retries": 2
        }
      }
    },
    "pg": {
      "connectTimeout": 4000,
      "checkInterval": 90000,
      "maxConnections": {{MORAY_MAX_PG_CONNS}},
{{#MORAY_MIN_PG_CONNS}}
      "minSpareConnections": {{MORAY_MIN_PG_CONNS}},
{{/MORAY_MIN_PG_CONNS}}
{{#MORAY_MAX_QUEUE_LENGTH}}
      "maxQueueLength": {{MORAY_MAX_QUEUE_LENGTH}},
{{/MORAY_MAX_QUEUE_LENGTH}}
{{#MORAY_TARGET_CLAIM_DELAY}}
      "targetClaimDelay": {{MORAY_TARGET_CLAIM_DELAY}},
{{/MORAY_TARGET_CLAIM_DELAY}}
      "maxIdleTime": 270000,
      "user": "moray"
    }
  },
  "server_uuid": "{{auto.SERVER_UUID}}",
  "datacenter": "{{DATACENTER}}",
  "service_name": "{{SERVICE_NAME}}"
}
"#;

/// `readOnly` is printed as it is, and only when it is true; the last shard has to be marked as `last`. A list that was edited
/// carelessly makes this file invalid, here as in production.
const ELECTRIC_MORAY: &str = r#"{
  "ringCfg": {
    "indexShards": [
      {{#INDEX_MORAY_SHARDS}}
      {
        "host": "{{host}}"{{#readOnly}},
        "readOnly": {{readOnly}}{{/readOnly}}
      }{{^last}},{{/last}}
      {{/INDEX_MORAY_SHARDS}}
    ]
  },
  "zookeeper": {
    "servers": "{{#ZK_SERVERS}}{{host}}:{{port}}{{^last}},{{/last}}{{/ZK_SERVERS}}",
    "sessionTimeoutMs": SESSION_TIMEOUT
  },
  "ip": "{{auto.MANTA_IP}}",
  "domain": "{{{DOMAIN_NAME}}}"
}
"#;

const REGISTRATION: &str = r#"{
  "registration": {
    "domain": "{{{SERVICE_NAME}}}",
    "type": "TYPE",
    "ports": ["PORT"]
  },
  "zookeeper": {
    "servers": "{{#ZK_SERVERS}}{{host}}:{{port}}{{^last}},{{/last}}{{/ZK_SERVERS}}",
    "sessionTimeoutMs": SESSION_TIMEOUT
  },
  "adminIp": "{{auto.ADMIN_IP}}"HEALTH
}
"#;

/// A zone of routers is in the name service while the file is there that its routers make when they are ready: production's
/// values, from electric-moray's `sapi_manifests/registrar`.
const READY: &str = r#",
  "healthCheck": {
    "command": "test -e /var/tmp/electric-moray-ready",
    "ignoreExitStatus": false,
    "interval": 1000,
    "threshold": 1,
    "timeout": 1000
  }"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_agent::render;

    fn template(role: Role, name: &str) -> String {
        let layout = Layout::example(203);
        let found = manifests(&layout).into_iter().find(|one| one.role == role && one.name == name);
        let template = found.unwrap().template;
        template.as_str().map_or_else(|| template.to_string(), ToOwned::to_owned)
    }

    fn metadata(shards: &Value) -> Value {
        json!({
            "INDEX_MORAY_SHARDS": shards,
            "ZK_SERVERS": [
                {"host": "10.0.0.1", "port": 2181, "num": 1},
                {"host": "10.0.0.2", "port": 2181, "num": 2, "last": true},
            ],
            "MANATEE_SHARD_PATH": "/manatee/1.moray.lab.example.net",
            "SERVICE_NAME": "1.moray.lab.example.net",
            "DOMAIN_NAME": "lab.example.net",
            "DATACENTER": "lab-1",
            "MORAY_MAX_PG_CONNS": 16,
            "auto": {"MANTA_IP": "127.77.203.40", "ADMIN_IP": "127.77.203.40", "ZONENAME": "z", "SERVER_UUID": "s"},
        })
    }

    #[test]
    fn the_sitters_configuration() {
        let rendered = render(&template(Role::Postgres, "manatee-sitter"), &metadata(&json!([])));
        let value: Value = serde_json::from_str(&rendered.unwrap()).unwrap();
        assert_eq!(
            value,
            json!({
                "shardPath": "/manatee/1.moray.lab.example.net", "ip": "127.77.203.40",
                "postgresPort": 5432, "backupPort": 12345, "zoneId": "z",
                "zookeeper": {"servers": "10.0.0.1:2181,10.0.0.2:2181", "sessionTimeoutMs": 3000},
                "oneNodeWriteMode": false, "dataDir": "/manatee/pg/data",
            })
        );
    }

    #[test]
    fn morays_configuration() {
        let mut metadata = metadata(&json!([]));
        let rendered = |metadata: &Value| -> Value {
            let rendered = render(&template(Role::Moray, "moray"), metadata).unwrap();
            serde_json::from_str(&rendered).unwrap()
        };
        let value = rendered(&metadata);
        let manatee = json!({
            "path": "/manatee/1.moray.lab.example.net",
            "zk": {
                "connStr": "10.0.0.1:2181,10.0.0.2:2181",
                "opts": {"sessionTimeout": 3000, "spinDelay": 1000, "retries": 2},
            },
        });
        assert_eq!(value["manatee"]["manatee"], manatee);
        let mut pg = json!({
            "connectTimeout": 4000, "checkInterval": 90_000, "maxConnections": 16,
            "maxIdleTime": 270_000, "user": "moray",
        });
        assert_eq!(value["manatee"]["pg"], pg);
        assert_eq!(value["service_name"], "1.moray.lab.example.net");
        for (key, member, number) in [
            ("MORAY_MIN_PG_CONNS", "minSpareConnections", 2),
            ("MORAY_MAX_QUEUE_LENGTH", "maxQueueLength", 100),
            ("MORAY_TARGET_CLAIM_DELAY", "targetClaimDelay", 250),
        ] {
            metadata[key] = number.into();
            pg[member] = number.into();
        }
        assert_eq!(rendered(&metadata)["manatee"]["pg"], pg);
    }

    #[test]
    fn the_others_configurations_are_json() {
        for (role, name) in [
            (Role::Postgres, "manatee-backup"),
            (Role::Postgres, "registrar"),
            (Role::ElectricMoray, "registrar"),
        ] {
            let rendered = render(&template(role, name), &metadata(&json!([]))).unwrap();
            serde_json::from_str::<Value>(&rendered).unwrap();
        }
        let registrar = render(&template(Role::Moray, "registrar"), &metadata(&json!([])));
        let registrar: Value = serde_json::from_str(&registrar.unwrap()).unwrap();
        assert_eq!(
            registrar["registration"],
            json!({"domain": "1.moray.lab.example.net", "type": "moray_host", "ports": [2020]})
        );
    }

    #[test]
    fn routers_are_registered_while_they_are_ready() {
        let check = |role| {
            let rendered = render(&template(role, "registrar"), &metadata(&json!([]))).unwrap();
            let value: Value = serde_json::from_str(&rendered).unwrap();
            value["healthCheck"]["command"].as_str().map(ToOwned::to_owned)
        };
        let expected = "test -e /var/tmp/electric-moray-ready";
        assert_eq!(check(Role::ElectricMoray).as_deref(), Some(expected));
        assert_eq!((check(Role::Moray), check(Role::Postgres)), (None, None));
    }

    fn index_shards(shards: &Value) -> Option<Value> {
        let template = template(Role::ElectricMoray, "electric-moray");
        let rendered = render(&template, &metadata(shards)).unwrap();
        let value: Value = serde_json::from_str(&rendered).ok()?;
        Some(value["ringCfg"]["indexShards"].clone())
    }

    #[test]
    fn shards_are_read_only_where_they_are_said_to_be() {
        let shards = index_shards(&json!([
            {"host": "1.moray"}, {"host": "2.moray", "readOnly": false},
            {"host": "3.moray", "readOnly": true}, {"host": "4.moray", "readOnly": "false", "last": true},
        ]));
        let expected = json!([
            {"host": "1.moray"}, {"host": "2.moray"},
            {"host": "3.moray", "readOnly": true}, {"host": "4.moray", "readOnly": false},
        ]);
        assert_eq!(shards, Some(expected));
    }

    #[test]
    fn careless_lists_make_invalid_files() {
        for shards in [
            json!([{"host": "1.moray", "last": true}, {"host": "2.moray", "last": true}]),
            json!([{"host": "1.moray"}, {"host": "2.moray"}]),
            json!([{"host": "1.moray", "readOnly": "yes", "last": true}]),
        ] {
            assert_eq!(index_shards(&shards), None, "{shards}");
        }
    }
}
