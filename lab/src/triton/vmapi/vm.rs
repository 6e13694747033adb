//! The VM object.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::layout::ZoneSpec;
use crate::messages::ZoneState;
use crate::zones::Zones;

/// The phase of a VM's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    Provisioning,
    /// Its zone says whether it runs.
    Made,
    Failed,
    Destroyed,
}

/// A VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Vm {
    pub(super) uuid: Uuid,
    pub(super) phase: Phase,
    /// All members but `state` and `zone_state`.
    pub(super) members: Map<String, Value>,
}

impl Vm {
    /// A new VM. `given`: members that a client gave, which are taken over the defaults.
    pub(super) fn new(uuid: Uuid, address: Ipv4Addr, given: Map<String, Value>) -> Self {
        let now = now();
        let mut members = defaults(uuid, &now);
        members.insert("nics".to_owned(), nics(uuid, address));
        members.extend(given);
        members.insert("uuid".to_owned(), json!(uuid));
        Self { uuid, phase: Phase::Provisioning, members }
    }

    /// The VM of a zone that a lab begins with.
    pub(super) fn of_zone(spec: &ZoneSpec, owner: Uuid) -> Self {
        let given = json!({
            "alias": spec.alias, "owner_uuid": owner, "server_uuid": spec.server,
            "image_uuid": spec.image, "tags": {"manta_role": spec.role.service()},
        });
        let given = given.as_object().cloned().unwrap_or_default();
        Self { phase: Phase::Made, ..Self::new(spec.uuid, spec.address, given) }
    }

    /// A member that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// Changes members, and the time of the last change.
    pub(super) fn update(&mut self, given: Map<String, Value>) {
        self.members.extend(given);
        self.members.insert("last_modified".to_owned(), json!(now()));
    }

    /// It is gone.
    pub(super) fn destroyed(&mut self) {
        self.phase = Phase::Destroyed;
        let now = now();
        self.update([("destroyed".to_owned(), json!(now))].into_iter().collect());
    }

    /// `state` and `zone_state`.
    pub(super) fn states(&self, zones: &Zones) -> (&'static str, &'static str) {
        match self.phase {
            Phase::Provisioning => ("provisioning", "incomplete"),
            Phase::Failed => ("failed", "incomplete"),
            Phase::Destroyed => ("destroyed", "destroyed"),
            Phase::Made => match zones.status(self.uuid).map(|status| status.state) {
                Ok(ZoneState::Running) => ("running", "running"),
                Ok(ZoneState::Provisioning) => ("provisioning", "incomplete"),
                Ok(ZoneState::Stopped) | Err(_) => ("stopped", "installed"),
                Ok(ZoneState::Failed) => ("failed", "incomplete"),
                Ok(ZoneState::Destroyed) => ("destroyed", "destroyed"),
            },
        }
    }

    /// The whole object.
    pub(super) fn object(&self, zones: &Zones) -> Map<String, Value> {
        let (state, zone_state) = self.states(zones);
        let mut object = self.members.clone();
        object.insert("state".to_owned(), json!(state));
        object.insert("zone_state".to_owned(), json!(zone_state));
        object
    }
}

/// Now, with milliseconds, as JavaScript prints it.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

/// The members that are always there.
fn defaults(uuid: Uuid, now: &str) -> Map<String, Value> {
    let members = json!({
        "uuid": uuid, "alias": null, "autoboot": true, "brand": "joyent-minimal", "billing_id": Uuid::nil(),
        "cpu_cap": 400, "cpu_shares": 2048, "create_timestamp": now, "customer_metadata": {},
        "datasets": [format!("zones/{uuid}/data")], "destroyed": null, "firewall_enabled": false,
        "image_uuid": null, "internal_metadata": {}, "last_modified": now, "limit_priv": "default",
        "max_locked_memory": 2048, "max_lwps": 1000, "max_physical_memory": 2048, "max_swap": 4096,
        "nics": [], "owner_uuid": null, "platform_buildstamp": "20181122T000000Z", "quota": 100,
        "ram": 2048, "resolvers": [], "server_uuid": null, "snapshots": [], "tags": {},
        "zfs_filesystem": format!("zones/{uuid}"), "zfs_io_priority": 100,
        "zonepath": format!("/zones/{uuid}"), "zpool": "zones",
    });
    members.as_object().cloned().unwrap_or_default()
}

/// The network interfaces: of Manta's network and of the admin network, which is the primary one and not the first. The lab has
/// one address for both.
fn nics(uuid: Uuid, address: Ipv4Addr) -> Value {
    let [a, b, c, ..] = *uuid.as_bytes();
    let nic = |interface: &str, number: u8, tag: &str| {
        json!({
            "interface": interface, "mac": format!("c2:2c:{a:02x}:{b:02x}:{c:02x}:{number:02x}"),
            "ip": address, "netmask": "255.255.255.0", "nic_tag": tag, "vlan_id": 0,
        })
    };
    let mut admin = nic("net1", 1, "admin");
    if let Some(admin) = admin.as_object_mut() {
        admin.insert("primary".to_owned(), json!(true));
    }
    json!([nic("net0", 0, "manta"), admin])
}
