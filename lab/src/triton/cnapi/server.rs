//! The server object.

use serde_json::{Map, Value, json};

use super::Cnapi;
use crate::layout::Server;
use crate::messages::{ZoneState, ZoneStatus};

/// Members that are there only when `extras` ask for them, and the extra that does.
const EXTRAS: [(&str, &str); 12] = [
    ("agents", "agents"),
    ("vms", "vms"),
    ("sysinfo", "sysinfo"),
    ("last_heartbeat", "last_heartbeat"),
    ("memory_available_bytes", "memory"),
    ("memory_arc_bytes", "memory"),
    ("memory_total_bytes", "memory"),
    ("memory_provisionable_bytes", "memory"),
    ("disk_kvm_quota_bytes", "disk"),
    ("disk_pool_size_bytes", "disk"),
    ("unreserved_ram", "capacity"),
    ("unreserved_disk", "capacity"),
];

/// The values that `extras` can have, besides `all`.
pub(super) const EXTRA_NAMES: [&str; 7] =
    ["agents", "vms", "memory", "disk", "sysinfo", "capacity", "last_heartbeat"];

const GIGABYTE: u64 = 1 << 30;
const MEMORY: u64 = 64;

impl Cnapi {
    /// All that there is to know of a server.
    pub(super) fn server_object(&self, server: &Server) -> Map<String, Value> {
        let zones = self.zones.list();
        let zones = zones.iter().filter(|zone| zone.spec.server == server.uuid);
        let vms: Map<String, Value> =
            zones.map(|zone| (zone.spec.uuid.to_string(), self.vm(zone))).collect();
        let status = if self.silent().contains(&server.uuid) { "unknown" } else { "running" };
        let layout = self.zones.layout();
        let started = format!("{:.3}", self.started);
        let first = layout.servers.first().is_some_and(|first| first.uuid == server.uuid);
        let free = MEMORY.saturating_sub(2 * vms.len() as u64) * GIGABYTE;
        let object = json!({
            "uuid": server.uuid, "hostname": server.hostname, "datacenter": layout.datacenter,
            "status": status, "transitional_status": "", "headnode": first, "setup": true,
            "setting_up": false, "reserved": false, "reservoir": false,
            "rack_identifier": "", "comments": "", "boot_platform": "20181122T000000Z",
            "current_platform": "20181122T000000Z", "created": started, "last_boot": started,
            "last_heartbeat": format!("{:.3}", jiff::Timestamp::now()),
            "ram": MEMORY * 1024, "traits": {}, "boot_params": {},
            "overprovision_ratios": {"ram": 1.0}, "reservation_ratio": 0.15,
            "default_console": "serial", "serial": "ttyb", "kernel_flags": {},
            "sysinfo": {
                "UUID": server.uuid, "Hostname": server.hostname, "Datacenter Name": layout.datacenter,
                "Live Image": "20181122T000000Z", "System Type": "SunOS", "Setup": "true",
                "MiB of Memory": (MEMORY * 1024).to_string(), "Zpool": "zones",
            },
            "agents": [{"name": "cn-agent", "version": "2.3.0"}],
            "vms": vms,
            "memory_total_bytes": MEMORY * GIGABYTE, "memory_available_bytes": free,
            "memory_provisionable_bytes": free, "memory_arc_bytes": GIGABYTE,
            "disk_kvm_quota_bytes": 0, "disk_pool_size_bytes": 1000 * GIGABYTE,
            "unreserved_ram": free >> 20, "unreserved_disk": 900 * 1024, "unreserved_cpu": 1600,
        });
        object.as_object().cloned().unwrap_or_default()
    }

    fn vm(&self, zone: &ZoneStatus) -> Value {
        let (state, zone_state) = match zone.state {
            ZoneState::Running => ("running", "running"),
            ZoneState::Stopped => ("stopped", "installed"),
            ZoneState::Provisioning => ("provisioning", "incomplete"),
            ZoneState::Failed => ("failed", "incomplete"),
            ZoneState::Destroyed => ("destroyed", "destroyed"),
        };
        json!({
            "uuid": zone.spec.uuid, "owner_uuid": self.zones.layout().poseidon, "state": state,
            "zone_state": zone_state, "brand": "joyent-minimal", "quota": 100, "cpu_cap": 400,
            "max_physical_memory": 2048,
        })
    }
}

/// Leaves of an object what was asked for.
pub(super) fn with_extras(mut object: Map<String, Value>, extras: &[&str]) -> Map<String, Value> {
    if !extras.contains(&"all") {
        for (member, extra) in EXTRAS {
            if !extras.contains(&extra) {
                object.shift_remove(member);
            }
        }
    }
    object
}
