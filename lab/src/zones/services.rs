//! The SMF services that the zones of each role have, and what runs them.

use std::collections::BTreeMap;

use crate::layout::Layout;
use crate::moray;
use crate::role::Role;

/// The work that has to happen before a service's process is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparation {
    /// Nothing.
    None,
    /// The configuration files are rendered once: config-agent's start method does that before it goes on.
    Configuration,
}

/// An SMF instance that a zone has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// `svc:/manta/application/manatee-sitter:default`.
    pub(super) fmri: String,
    /// The name of its program for [`crate::service`].
    pub(super) program: &'static str,
    /// The work that has to happen before its process is started.
    pub(super) preparation: Preparation,
    /// The output of `svcprop`: property group and name; type and value.
    pub(super) properties: BTreeMap<String, String>,
}

impl Service {
    fn new(service: &str, instance: &str, program: &'static str) -> Self {
        Self {
            fmri: format!("svc:/{service}:{instance}"),
            program,
            preparation: Preparation::None,
            properties: BTreeMap::new(),
        }
    }

    /// A short name that no other service of the zone has: the instance's, or the service's where that is `default`.
    pub(super) fn name(&self) -> &str {
        let (service, instance) = self.fmri.rsplit_once(':').unwrap_or((&self.fmri, "default"));
        match instance {
            "default" => service.rsplit('/').next().unwrap_or(service),
            instance => instance,
        }
    }
}

/// The services of a zone of a role, in the order in which they are started.
pub(super) fn services(role: Role, layout: &Layout) -> Vec<Service> {
    let mut services = Vec::new();
    match role {
        // The lab runs ZooKeeper itself.
        Role::Nameservice | Role::Webapi | Role::Deployment => return services,
        Role::Postgres => {
            services.push(Service::new(
                "manta/application/manatee-backupserver",
                "default",
                "backup-server",
            ));
            services.push(Service::new("manta/application/manatee-sitter", "default", "sitter"));
        }
        Role::Moray => {
            let service = Service::new("smartdc/application/moray", "moray-2020", "moray");
            let properties = [("moray/port", moray::PORT), ("moray/kang", moray::KANG_PORT)];
            let properties =
                properties.map(|(name, port)| (name.to_owned(), format!("integer {port}"))).into();
            services.push(Service { properties, ..service });
        }
        Role::ElectricMoray => {
            let instances = 1..=layout.options.router_instances;
            services.extend(instances.map(|number| electric_moray(layout, number)));
            services.push(Service::new("manta/haproxy", "default", "haproxy"));
        }
    }
    services.push(Service::new("manta/application/registrar", "default", "registrar"));
    let agent = Service::new("smartdc/application/config-agent", "default", "config-agent");
    services.insert(0, Service { preparation: Preparation::Configuration, ..agent });
    services
}

/// The `number`th router process of a zone: RPC on 2020 and its number, status on 4020 and its number.
fn electric_moray(layout: &Layout, number: u32) -> Service {
    let port = 2020 + number;
    let rpc = u16::try_from(port).map_or(port, |port| layout.router_port(port).into());
    let instance = format!("electric-moray-{port}");
    let service = Service::new("smartdc/application/electric-moray", &instance, "electric-moray");
    let properties = [
        ("electric-moray/port", format!("integer {rpc}")),
        ("electric-moray/kang", format!("integer {}", port + 1000)),
        ("electric-moray/status", format!("integer {}", port + 2000)),
        ("electric-moray/ring-location", format!("astring {}", ring_location(number))),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value)).into();
    Service { properties, ..service }
}

/// The directory of the ring of the `number`th router process of a zone.
pub(super) fn ring_location(number: u32) -> String {
    format!("/electric-moray/chash/leveldb-{}", 2020 + number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_zone_has_its_processes_between_agent_and_registrar() {
        let services = services(Role::ElectricMoray, &Layout::example(203));
        let names: Vec<&str> = services.iter().map(Service::name).collect();
        assert_eq!(
            names,
            [
                "config-agent",
                "electric-moray-2021",
                "electric-moray-2022",
                "electric-moray-2023",
                "electric-moray-2024",
                "haproxy",
                "registrar"
            ]
        );
        let second = &services[2];
        assert_eq!(second.fmri, "svc:/smartdc/application/electric-moray:electric-moray-2022");
        let location = &second.properties["electric-moray/ring-location"];
        assert_eq!(location, "astring /electric-moray/chash/leveldb-2022");
        assert_eq!(second.properties["electric-moray/status"], "integer 4022");
    }
}
