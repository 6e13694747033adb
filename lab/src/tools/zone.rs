//! `zlogin`, `zonename`, `mdata-get`, `ptree`: zones from the inside and from the outside.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::control::Api;
use super::options::{Grammar, usage};
use super::processes;
use super::session::{Ending, Failure, Place, Session};
use crate::messages::{ExecRequest, ZoneState, ZoneStatus};

pub(super) const ZLOGIN_USAGE: &str = "zlogin [-Q] [-l username] zonename [command [arguments...]]";
pub(super) const ZONENAME_USAGE: &str = "zonename";
pub(super) const MDATA_GET_USAGE: &str = "mdata-get keyname";
pub(super) const PTREE_USAGE: &str = "ptree [pid]...";

/// Runs a command in a zone, or what stdin has in a login shell.
pub(super) async fn zlogin(session: &Session, args: &[String]) -> Ending {
    let options = Grammar { stops: true, ..Grammar::new("QSCEl:z:") }.parse(args)?;
    let Some((zone, command)) = options.operands.split_first() else {
        return usage("no zonename");
    };
    let Place::Server(server) = session.place()? else {
        return Err(Failure::new("zlogin: may only be used from the global zone"));
    };
    let unknown = || Failure::new(format!("zlogin: zone '{zone}' unknown"));
    let uuid: Uuid = zone.parse().map_err(|_| unknown())?;
    let control = session.control()?;
    let status = control.zones().await?.into_iter().find(|status| status.spec.uuid == uuid);
    let status = status.filter(|status| status.spec.server == server).ok_or_else(unknown)?;
    if status.state != ZoneState::Running {
        return Err(Failure::new(format!(
            "zlogin: login allowed only to running zones ({zone} is not)"
        )));
    }
    let stdin = String::from_utf8_lossy(&session.input()?).into_owned();
    let request = ExecRequest { argv: shell(command), stdin, ..ExecRequest::default() };
    let request = request.within(ExecRequest::UR_TIME_LIMIT);
    let response = control.exec(uuid, &request).await?;
    session.print(response.stdout);
    session.complain(response.stderr);
    Ok(exit_code(response.exit_code))
}

/// As a login shell of the zone's root would run the words: they are joined, and the shell reads them again.
fn shell(words: &[String]) -> Vec<String> {
    match words {
        [] => Vec::new(),
        words => ["bash", "-l", "-c", &words.join(" ")].map(ToOwned::to_owned).into(),
    }
}

/// The exit code of a command somewhere else, as this process's.
pub(super) fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

/// Prints the name of this zone.
pub(super) fn zonename(session: &Session, args: &[String]) -> Ending {
    let [] = Grammar::new("").parse(args)?.exactly("none")?;
    match session.place()? {
        Place::Zone(zone) => session.print(format!("{zone}\n")),
        Place::Server(_) => session.print("global\n"),
    }
    Ok(0)
}

/// Prints what this zone was given: `sdc:` keys are the VM's properties, others its customer's metadata.
pub(super) async fn mdata_get(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("").parse(args)?;
    let [key] = options.exactly("keyname")?;
    let control = session.control()?;
    let zone = session.zone()?;
    let (layout, status) = (control.layout().await?, control.zone(zone).await?);
    let vm: Value = match Api::at(layout.block.vmapi()).get(&format!("/vms/{zone}")).await {
        Ok(vm) => vm,
        // What the lab itself knows of a zone is there even when VMAPI is not.
        Err(_) => Value::Null,
    };
    let sapi = format!("http://{}", layout.block.sapi());
    let known = own_property(key, &status, &layout.datacenter)
        .or_else(|| metadata(key, &vm))
        .or_else(|| matches!(key, "SAPI_URL" | "sapi-url" | "sapi_url").then_some(sapi));
    match known {
        Some(value) => {
            session.print(format!("{value}\n"));
            Ok(0)
        }
        None => Err(Failure::new(format!("No metadata for '{key}'"))),
    }
}

fn own_property(key: &str, status: &ZoneStatus, datacenter: &str) -> Option<String> {
    let spec = &status.spec;
    Some(match key.strip_prefix("sdc:")? {
        "uuid" | "zonename" | "hostname" => spec.uuid.to_string(),
        "alias" => spec.alias.clone(),
        "server_uuid" => spec.server.to_string(),
        "image_uuid" => spec.image.to_string(),
        "datacenter_name" => datacenter.to_owned(),
        _ => return None,
    })
}

fn metadata(key: &str, vm: &Value) -> Option<String> {
    let value = match key.strip_prefix("sdc:") {
        Some(property) => vm.get(property),
        None => vm.get("customer_metadata").and_then(|metadata| metadata.get(key)),
    };
    let value = value.filter(|value| !value.is_null())?;
    Some(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
}

/// Prints the processes of this zone as trees; or those of which these are the roots.
pub(super) async fn ptree(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("ac").parse(args)?;
    let zone = session.zone()?;
    let pids = options.operands.iter().map(|pid| pid.parse());
    let wanted = pids.collect::<Result<Vec<u32>, _>>();
    let wanted = wanted.or_else(|_| usage("a process is named by its number"))?;
    let services = session.control()?.zone(zone).await?.services;
    let services: BTreeSet<u32> = services.iter().filter_map(|service| service.pid).collect();
    let all = processes::all(&zone.to_string());
    let own = processes::of_zone(&all, &services);
    if wanted.is_empty() {
        session.print(processes::tree(&own));
    }
    let mut code = 0;
    for pid in wanted {
        let found: Vec<_> = processes::below(&own, pid).into_iter().cloned().collect();
        if found.is_empty() {
            session.complain(format!("ptree: no such process: {pid}\n"));
            code = 1;
        }
        session.print(processes::tree(&found));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_for_the_shell() {
        let words = ["svcs".to_owned(), "-H".to_owned(), "*moray*".to_owned()];
        assert_eq!(shell(&words), ["bash", "-l", "-c", "svcs -H *moray*"]);
        assert_eq!(shell(&[]), Vec::<String>::new());
    }

    #[test]
    fn metadata_is_the_customers_or_the_vms() {
        let vm = serde_json::json!({
            "owner_uuid": "o", "dns_domain": null, "nics": [{"ip": "127.77.0.40"}],
            "customer_metadata": {"user-script": "#!/bin/bash\n", "owner_uuid": "c"}
        });
        assert_eq!(metadata("sdc:owner_uuid", &vm).as_deref(), Some("o"));
        assert_eq!(metadata("owner_uuid", &vm).as_deref(), Some("c"));
        assert_eq!(metadata("user-script", &vm).as_deref(), Some("#!/bin/bash\n"));
        assert_eq!(metadata("sdc:nics", &vm).as_deref(), Some(r#"[{"ip":"127.77.0.40"}]"#));
        assert_eq!(metadata("sdc:dns_domain", &vm), None);
        assert_eq!(metadata("nics", &vm), None);
    }

    #[test]
    fn other_exit_codes_stay_failures() {
        assert_eq!((exit_code(0), exit_code(137), exit_code(-1), exit_code(256)), (0, 137, 1, 1));
    }
}
