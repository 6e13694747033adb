//! The contents of SAPI when a lab is made: the applications `manta` and `sdc`, Manta's services, and an instance per zone.

use serde_json::{Value, json};
use uuid::Uuid;

use super::objects::Object;
use crate::address::ZOOKEEPER_PORT;
use crate::layout::{Layout, ZoneSpec};
use crate::role::Role;

/// A manifest: its name, the path of the file in the zone, the template, and the roles whose zones have it.
pub type ManifestTemplate = (String, String, Value, Vec<Role>);

/// Objects that a SAPI begins with. Default: none.
#[derive(Clone, Debug, Default)]
pub struct Population {
    pub(super) applications: Vec<Object>,
    pub(super) services: Vec<Object>,
    pub(super) instances: Vec<Object>,
    pub(super) manifests: Vec<Object>,
}

/// The name that the zones of UFDS's directory hang under.
const UFDS_ROOT: &str = "cn=root";

impl Population {
    /// The objects of a lab. Its passwords are new.
    pub fn of(layout: &Layout, manifests: Vec<ManifestTemplate>) -> Self {
        let secrets = Secrets::new();
        let mut population =
            Self { applications: vec![manta(layout), sdc(layout, &secrets)], ..Self::default() };
        let mut attached: Vec<(Vec<Role>, String, Uuid)> = Vec::new();
        for (name, path, template, roles) in manifests {
            let uuid = Uuid::new_v4();
            population.manifests.push(object(json!({
                "uuid": uuid, "name": name, "path": path, "template": template, "version": "1.0.0", "master": true,
            })));
            attached.push((roles, name, uuid));
        }
        for role in Role::ALL {
            let uuid = Uuid::new_v4();
            let manifests = attached
                .iter()
                .filter(|(roles, ..)| roles.contains(&role))
                .map(|(_, name, uuid)| (name.clone(), uuid.to_string().into()));
            population.services.push(service(layout, role, uuid, &manifests.collect()));
            let zones = layout.zones_of(role).enumerate();
            population
                .instances
                .extend(zones.map(|(number, zone)| instance(layout, zone, uuid, number, &secrets)));
        }
        population
    }
}

/// Passwords of a lab. They open nothing: there is no UFDS in a lab.
struct Secrets {
    ufds: String,
    rabbitmq: String,
}

impl Secrets {
    fn new() -> Self {
        let [ufds, rabbitmq] = [(); 2].map(|()| Uuid::new_v4().simple().to_string());
        Self { ufds, rabbitmq }
    }
}

fn manta(layout: &Layout) -> Object {
    let domain = layout.domain();
    let first = layout.shard_name(1);
    let shards: Vec<Value> = layout.shard_names().map(|host| json!({"host": host})).collect();
    object(json!({
        "uuid": layout.application,
        "name": "manta",
        "owner_uuid": layout.poseidon,
        "params": {"owner_uuid": layout.poseidon, "networks": networks()},
        "metadata": {
            "REGION": layout.region,
            "DNS_DOMAIN": layout.dns_domain,
            "DOMAIN_NAME": domain,
            "SIZE": "lab",
            "POSEIDON_UUID": layout.poseidon,
            "INDEX_MORAY_SHARDS": last_marked(shards),
            "STORAGE_MORAY_SHARD": first,
            "MARLIN_MORAY_SHARD": first,
            "BUCKETS_MORAY_SHARDS": [],
            "HASH_RING_IMAGE": layout.ring_image,
            "HASH_RING_IMGAPI_SERVICE": format!("http://{}", layout.block.imgapi()),
            "IMGAPI_SERVICE": format!("http://{}", layout.block.imgapi()),
            "ELECTRIC_MORAY": format!("electric-moray.{domain}"),
            "MANTA_SERVICE": format!("manta.{domain}"),
            "ZK_SERVERS": zookeeper(layout),
        },
        "master": true,
    }))
}

fn sdc(layout: &Layout, secrets: &Secrets) -> Object {
    let block = layout.block;
    let admin = Uuid::new_v4();
    object(json!({
        "uuid": Uuid::new_v4(),
        "name": "sdc",
        "owner_uuid": admin,
        "metadata": {
            "region_name": layout.region,
            "datacenter_name": layout.datacenter,
            "dns_domain": layout.dns_domain,
            "sapi_domain": block.sapi().to_string(),
            "imgapi_domain": block.imgapi().to_string(),
            "vmapi_domain": block.vmapi().to_string(),
            "cnapi_domain": block.cnapi().to_string(),
            "sapi-url": format!("http://{}", block.sapi()),
            "ufds_domain": ufds(layout),
            "ufds_admin_uuid": admin,
            "ufds_ldap_root_dn": UFDS_ROOT,
            "ufds_ldap_root_pw": secrets.ufds,
            // user:password:host:port
            "rabbitmq": format!("lab:{}:{}:5672", secrets.rabbitmq, block.cnapi().ip()),
            "ZK_SERVERS": zookeeper(layout),
        },
    }))
}

fn service(layout: &Layout, role: Role, uuid: Uuid, manifests: &Object) -> Object {
    let name = role.service();
    let metadata = match role {
        Role::Postgres => json!({"PG_DIR": "/manatee/pg"}),
        Role::Moray => json!({"MORAY_MAX_PG_CONNS": 16}),
        Role::ElectricMoray => {
            json!({"ELECTRIC_MORAY_INSTANCES": layout.options.router_instances})
        }
        Role::Nameservice | Role::Webapi | Role::Deployment => json!({}),
    };
    object(json!({
        "uuid": uuid,
        "name": name,
        "application_uuid": layout.application,
        "params": {
            "image_uuid": layout.image(role),
            "networks": networks(),
            "ram": 1024,
            "tags": {"smartdc_role": name},
        },
        "metadata": metadata,
        "manifests": manifests,
        "master": true,
        "type": "vm",
    }))
}

fn instance(
    layout: &Layout,
    zone: &ZoneSpec,
    service: Uuid,
    number: usize,
    secrets: &Secrets,
) -> Object {
    let name = match (zone.role, zone.shard) {
        // Both peers and Morays carry the name of their shard.
        (Role::Postgres | Role::Moray, Some(shard)) => layout.shard_name(shard),
        (role, _) => format!("{}.{}", role.service(), layout.domain()),
    };
    let mut metadata = object(json!({
        "DATACENTER": layout.datacenter,
        "SERVICE_NAME": name,
        "SAPI_URL": format!("http://{}", layout.block.sapi()),
        "UFDS_URL": format!("ldaps://{}", ufds(layout)),
        "UFDS_ROOT_DN": UFDS_ROOT,
        "UFDS_ROOT_PW": secrets.ufds,
        "SDC_NAMESERVERS": zookeeper(layout),
        "user-script": USER_SCRIPT,
    }));
    if let Some(shard) = zone.shard {
        metadata.insert("SHARD".to_owned(), shard.to_string().into());
    }
    match zone.role {
        Role::Postgres => {
            metadata.insert("MANATEE_SHARD_PATH".to_owned(), format!("/manatee/{name}").into());
            // A peer without others takes no writes otherwise.
            if layout.options.peers == 1 {
                metadata.insert("ONE_NODE_WRITE_MODE".to_owned(), true.into());
            }
        }
        Role::Nameservice => {
            metadata.insert("ZK_ID".to_owned(), number.saturating_add(1).into());
        }
        Role::Moray | Role::ElectricMoray | Role::Webapi | Role::Deployment => {}
    }
    object(json!({
        "uuid": zone.uuid,
        "service_uuid": service,
        "params": {
            "alias": zone.alias,
            "server_uuid": zone.server,
            "image_uuid": zone.image,
            "tags": {"manta_role": zone.role.service()},
        },
        "metadata": metadata,
        "master": true,
        "type": "vm",
    }))
}

/// The script that every zone of production runs at its first boot.
const USER_SCRIPT: &str = "#!/usr/bin/bash\n\
    if [[ ! -f /var/svc/.ran-user-script ]]; then\n    \
    touch /var/svc/.ran-user-script\n    \
    /opt/smartdc/boot/setup.sh\n\
    fi\n";

fn networks() -> Value {
    json!(["admin", "manta"])
}

fn ufds(layout: &Layout) -> String {
    format!("{}:636", layout.block.sapi().ip())
}

fn zookeeper(layout: &Layout) -> Vec<Value> {
    let servers = layout.zones_of(Role::Nameservice).zip(1..);
    let servers = servers
        .map(|(zone, number)| json!({"host": zone.address, "port": ZOOKEEPER_PORT, "num": number}));
    last_marked(servers.collect())
}

/// Marks the last element: templates leave out the comma after it.
fn last_marked(mut values: Vec<Value>) -> Vec<Value> {
    if let Some(Value::Object(last)) = values.last_mut() {
        last.insert("last".to_owned(), true.into());
    }
    values
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Object::new()
        }
    }
}

#[cfg(test)]
mod tests {

    use super::super::model::Model;
    use super::super::objects::{Kind, text};
    use super::super::{Mode, configs::Family};
    use super::*;

    fn layout() -> Layout {
        Layout::example(0)
    }

    fn manifests() -> Vec<ManifestTemplate> {
        vec![
            ("sitter".to_owned(), "/opt/sitter.json".to_owned(), "{}".into(), vec![Role::Postgres]),
            ("registrar".to_owned(), "/opt/r.json".to_owned(), "{}".into(), Role::ALL.to_vec()),
        ]
    }

    #[test]
    fn a_lab_has_two_applications_and_an_instance_for_every_zone() {
        let layout = layout();
        let population = Population::of(&layout, manifests());
        assert_eq!(population.instances.len(), layout.zones.len());
        let names: Vec<&str> =
            population.services.iter().map(|service| text(service, "name")).collect();
        assert_eq!(
            names,
            ["nameservice", "postgres", "moray", "electric-moray", "webapi", "manta"]
        );
        let metadata = &population.applications[0]["metadata"];
        assert_eq!(
            metadata["INDEX_MORAY_SHARDS"],
            json!([{"host": "1.moray.lab.example.net"}, {"host": "2.moray.lab.example.net", "last": true}])
        );
        assert_eq!(
            metadata["ZK_SERVERS"],
            json!([{"host": "127.77.0.10", "port": 2181, "num": 1, "last": true}])
        );
        let rabbitmq = population.applications[1]["metadata"]["rabbitmq"].as_str().unwrap();
        assert_eq!(rabbitmq.split(':').count(), 4);
    }

    #[test]
    fn zones_are_configured_from_all_three_levels() {
        let layout = layout();
        let model = Model::new(Mode::Full, Population::of(&layout, manifests()));
        let peer = layout.zones_of(Role::Postgres).last().unwrap();
        let peer = model.get(Kind::Instance, &peer.uuid.to_string()).unwrap().clone();
        let family = Family::of(&model, &peer).unwrap();
        let config = family.config(&model, family.param("server_uuid")).unwrap();
        assert_eq!(config["manifests"].as_array().unwrap().len(), 2);
        let metadata = &config["metadata"];
        assert_eq!(metadata["MANATEE_SHARD_PATH"], "/manatee/2.moray.lab.example.net");
        assert_eq!(metadata["SHARD"], "2");
        assert_eq!(metadata.get("ONE_NODE_WRITE_MODE"), None);
        assert_eq!(metadata["HASH_RING_IMAGE"], layout.ring_image.to_string());
        assert_eq!(metadata.get("user-script"), None);
        let payload = family.payload();
        assert_eq!(payload["owner_uuid"], layout.poseidon.to_string());
        assert_eq!(payload["networks"], json!([{"name": "admin"}, {"name": "manta"}]));
        assert_eq!(payload["tags"], json!({"manta_role": "postgres"}));
        assert!(payload["customer_metadata"].get("user-script").is_some());
        assert_eq!(payload["customer_metadata"].get("SHARD"), None);
    }
}
