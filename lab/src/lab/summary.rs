//! All that somebody has to know who wants to use a lab.

use std::fmt::Write;

use super::Lab;
use crate::layout::Layout;
use crate::role::Role;

/// Addresses, credentials, and what to try.
pub(super) fn summary(lab: &Lab) -> String {
    let Layout { block, options, .. } = lab.layout();
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        writeln!(text, "{name:<13} {value}").ok();
    };
    line("lab", lab.directory().path().display().to_string());
    line("configuration", lab.configuration().display().to_string());
    line("SAPI", format!("http://{}", block.sapi()));
    line("IMGAPI", format!("http://{}", block.imgapi()));
    line("VMAPI", format!("http://{}", block.vmapi()));
    line("CNAPI", format!("http://{}", block.cnapi()));
    line("ZooKeeper", lab.layout().zookeeper());
    let routers: Vec<String> = lab.routers().iter().map(ToString::to_string).collect();
    line("routers", routers.join(", "));
    for shard in lab.layout().shard_names() {
        let peers = lab.layout().zones_of(Role::Postgres);
        let peers = peers.filter(|zone| {
            zone.shard.map(|number| lab.layout().shard_name(number)).as_ref() == Some(&shard)
        });
        let peers: Vec<String> = peers.map(|zone| zone.address.to_string()).collect();
        line(
            &format!("shard {}", shard.split('.').next().unwrap_or_default()),
            format!("{shard}: {}", peers.join(", ")),
        );
    }
    line("PostgreSQL", "port 5432, user postgres or moray, database moray, no password".to_owned());
    line("objects", options.objects.to_string());
    line("vnodes", options.vnodes.to_string());
    text
}

/// The configuration of `reshard` for the lab.
pub(super) fn configuration(layout: &Layout) -> String {
    let Layout { block, region, dns_domain, datacenter, .. } = layout;
    let routers: Vec<String> = layout
        .zones_of(Role::ElectricMoray)
        .map(|zone| format!("\"{}:{}\"", zone.address, crate::moray::PORT))
        .collect();
    format!(
        "# A lab of `reshard lab up`.\n\
         region = \"{region}\"\n\
         dns_domain = \"{dns_domain}\"\n\
         zookeeper = \"{zookeeper}\"\n\
         session_timeout_seconds = {session_timeout}\n\
         # Who leaves the name service is left at once.\n\
         name_seconds = 0\n\
         routers = [{routers}]\n\n\
         [datacenters.{datacenter}]\n\
         sapi = \"http://{sapi}\"\n\
         vmapi = \"http://{vmapi}\"\n\
         cnapi = \"http://{cnapi}\"\n\
         imgapi = \"http://{imgapi}\"\n",
        zookeeper = layout.zookeeper(),
        session_timeout = layout.options.session_timeout.as_secs().max(1),
        routers = routers.join(", "),
        sapi = block.sapi(),
        vmapi = block.vmapi(),
        cnapi = block.cnapi(),
        imgapi = block.imgapi(),
    )
}
