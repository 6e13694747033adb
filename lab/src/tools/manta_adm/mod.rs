//! `manta-adm show` and `update`, `manta-shardadm list`, `vmadm`: what is deployed, and deploying more of it.

mod deployment;
mod plan;

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use self::deployment::{Deployment, Instance};
use self::plan::{Addition, Wanted};
use super::options::{Grammar, usage};
use super::session::{Ending, Failure, Place, Session};
use crate::layout::Layout;
use crate::messages::ZoneState;

pub(super) const USAGE: &str = "manta-adm show [-Hjs] [-o FIELD,...] [SERVICE]
       manta-adm update [-ny] FILE [SERVICE]";
pub(super) const SHARDADM_USAGE: &str = "manta-shardadm list";
pub(super) const VMADM_USAGE: &str = "vmadm list [-Hp] [-o FIELD,...] | get UUID";

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    match args.split_first() {
        Some((verb, args)) if verb == "show" => show(session, args).await,
        Some((verb, args)) if verb == "update" => update(session, args).await,
        Some((verb, _)) => usage(format!("not in the lab: {verb}")),
        None => usage("no subcommand"),
    }
}

async fn load(session: &Session) -> Result<(Layout, Deployment), Failure> {
    let layout = session.control()?.layout().await?;
    let deployment = Deployment::load(&layout).await?;
    Ok((layout, deployment))
}

async fn show(session: &Session, args: &[String]) -> Ending {
    let long = &[("json", 'j'), ("summary", 's'), ("omit-header", 'H'), ("columns", 'o')];
    let options = Grammar { long, ..Grammar::new("acjsHo:l:") }.parse(args)?;
    let (layout, mut deployment) = load(session).await?;
    match options.operands.as_slice() {
        [] => {}
        [service] => deployment.instances.retain(|instance| instance.service == *service),
        _ => return usage("more than one service"),
    }
    if options.has('j') {
        let config = plan::counted(&deployment.instances);
        session.print(format!("{}\n", plan::json(&config)));
        return Ok(0);
    }
    let default: &[&str] = if options.has('s') {
        &["service", "shard", "image", "count"]
    } else {
        &["service", "shard", "datacenter", "zonename"]
    };
    let columns = match options.list('o') {
        columns if columns.is_empty() => default.to_vec(),
        columns => columns,
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for instance in &deployment.instances {
        let cells = columns.iter().map(|column| cell(instance, &layout, column));
        rows.push(cells.collect::<Result<_, _>>()?);
    }
    if options.has('s') && options.value('o').is_none() {
        rows = summed(rows);
    }
    if !options.has('H') {
        rows.insert(0, columns.iter().map(|column| header(column)).collect());
    }
    session.print(super::aligned(&rows));
    Ok(0)
}

fn header(column: &str) -> String {
    match column {
        "shard" => "SH".to_owned(),
        other => other.to_uppercase().replace('_', " "),
    }
}

fn cell(instance: &Instance, layout: &Layout, column: &str) -> Result<String, Failure> {
    let server = || layout.servers.iter().find(|server| server.uuid == instance.server);
    Ok(match column {
        "service" => instance.service.clone(),
        "shard" => instance.shard.clone().unwrap_or_else(|| "-".to_owned()),
        "datacenter" => layout.datacenter.clone(),
        "zonename" => instance.uuid.to_string(),
        "zoneabbr" => instance.uuid.to_string().get(..8).unwrap_or_default().to_owned(),
        "image" => instance.image.to_string(),
        "gz_host" => server().map_or_else(|| "-".to_owned(), |server| server.hostname.clone()),
        "server_uuid" => instance.server.to_string(),
        "primary_ip" => instance.address.clone().unwrap_or_else(|| "-".to_owned()),
        "alias" => instance.alias.clone(),
        "count" => "1".to_owned(),
        other => return usage(format!("unknown column: {other}")),
    })
}

/// Equal rows as one, with their number in the last cell.
fn summed(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let mut sums: Vec<(Vec<String>, u32)> = Vec::new();
    for row in rows {
        match sums.iter_mut().find(|(known, _)| *known == row) {
            Some((_, count)) => *count += 1,
            None => sums.push((row, 1)),
        }
    }
    let with_count = |(mut row, count): (Vec<String>, u32)| {
        row.pop();
        row.push(count.to_string());
        row
    };
    sums.into_iter().map(with_count).collect()
}

async fn update(session: &Session, args: &[String]) -> Ending {
    let long = &[("dryrun", 'n'), ("confirm", 'y'), ("no-reprovision", 'R')];
    let options = Grammar { long, ..Grammar::new("nyl:R") }.parse(args)?;
    let (file, service) = match options.operands.as_slice() {
        [file] => (file, None),
        [file, service] => (file, Some(service.as_str())),
        _ => return usage("one FILE, and at most one SERVICE"),
    };
    let text = std::fs::read(file)
        .map_err(|error| Failure::because(format!("manta-adm: cannot read {file}"), &error))?;
    let wanted: Wanted = serde_json::from_slice(&text)
        .map_err(|error| Failure::because(format!("manta-adm: {file}"), &error))?;
    let (layout, deployment) = load(session).await?;
    let wanted = plan::flattened(&wanted)
        .map_err(|why| Failure::new(format!("manta-adm: {file}: {why}")))?;
    let mut additions = plan::additions(&wanted, &plan::counted(&deployment.instances))
        .map_err(|why| Failure::new(format!("manta-adm: {file}: {why}")))?;
    additions.retain(|addition| service.is_none_or(|service| service == addition.service));
    if additions.is_empty() {
        session.print("no changes to make\n");
        return Ok(0);
    }
    for addition in &additions {
        session.print(format!("{addition}\n"));
    }
    if options.has('n') {
        return Ok(0);
    }
    if !options.has('y') {
        let answer = session.ask("Are you sure you want to proceed? (y/N): ")?;
        if !matches!(answer.as_str(), "y" | "Y" | "yes") {
            return Err(Failure::new("aborted by user"));
        }
    }
    for addition in &additions {
        let uuid = provision(&layout, &deployment, addition).await?;
        session.print(format!("provisioned {} {uuid}\n", addition.service));
    }
    Ok(0)
}

async fn provision(
    layout: &Layout,
    deployment: &Deployment,
    addition: &Addition,
) -> Result<Uuid, Failure> {
    let uuid = Uuid::new_v4();
    let service = deployment
        .services
        .iter()
        .find(|(_, name)| *name == addition.service)
        .map(|(uuid, _)| uuid)
        .ok_or_else(|| {
            Failure::new(format!("manta-adm: SAPI has no service {}", addition.service))
        })?;
    let body = instance_body(layout, deployment, addition, uuid, service);
    let _answer: Value = deployment.sapi.call(Method::POST, "/instances", body).await?;
    Ok(uuid)
}

/// The body that SAPI is sent. What is the same in all zones of a deployment is taken from one of the same service, or from any.
fn instance_body(
    layout: &Layout,
    deployment: &Deployment,
    addition: &Addition,
    uuid: Uuid,
    service: &str,
) -> Value {
    let like = |instance: &&Instance| instance.service == addition.service;
    let same_shard = |instance: &&Instance| like(instance) && instance.shard == addition.shard;
    let all = || deployment.instances.iter();
    let model = all().find(same_shard).or_else(|| all().find(like));
    let mut metadata =
        model.and_then(|model| model.metadata.as_object().cloned()).unwrap_or_default();
    metadata.entry("DATACENTER").or_insert_with(|| json!(layout.datacenter));
    metadata.entry("SAPI_URL").or_insert_with(|| json!(deployment.sapi.base()));
    let short = uuid.to_string().get(..8).unwrap_or_default().to_owned();
    let (service_name, domain) = (&addition.service, layout.domain());
    let alias = match &addition.shard {
        None => format!("{service_name}.{domain}-{short}"),
        Some(shard) => {
            let name = format!("{shard}.moray.{domain}");
            if addition.service == "postgres" {
                metadata.insert("MANATEE_SHARD_PATH".to_owned(), json!(format!("/manatee/{name}")));
            }
            metadata.insert("SERVICE_NAME".to_owned(), json!(name));
            metadata.insert("SHARD".to_owned(), json!(shard));
            format!("{shard}.{service_name}.{domain}-{short}")
        }
    };
    json!({
        "uuid": uuid, "service_uuid": service, "master": true,
        "params": {
            "alias": alias, "server_uuid": addition.server, "image_uuid": addition.image,
            "tags": {"manta_role": addition.service},
        },
        "metadata": metadata,
    })
}

/// The shards by what they are for, from Manta's metadata.
pub(super) async fn shardadm(session: &Session, args: &[String]) -> Ending {
    match args {
        [verb] if verb == "list" => {}
        _ => return usage("not in the lab: anything but list"),
    }
    let (_, deployment) = load(session).await?;
    let metadata = &deployment.application;
    let mut text = format!("{:<12} {}\n", "TYPE", "SHARD NAME");
    let index = metadata.get("INDEX_MORAY_SHARDS").and_then(Value::as_array);
    for shard in index.into_iter().flatten() {
        let host = shard.get("host").and_then(Value::as_str).unwrap_or_default();
        writeln!(text, "{:<12} {host}", "Index").unwrap_or_default();
    }
    for (kind, key) in [("Marlin", "MARLIN_MORAY_SHARD"), ("Storage", "STORAGE_MORAY_SHARD")] {
        if let Some(host) = metadata.get(key).and_then(Value::as_str) {
            writeln!(text, "{kind:<12} {host}").unwrap_or_default();
        }
    }
    session.print(text);
    Ok(0)
}

/// The VMs of this compute node; from a zone, of all of them.
pub(super) async fn vmadm(session: &Session, args: &[String]) -> Ending {
    let Some((verb, args)) = args.split_first() else { return usage("no subcommand") };
    let options = Grammar::new("Hpo:").parse(args)?;
    let control = session.control()?;
    match (verb.as_str(), options.operands.as_slice()) {
        ("get", [uuid]) => {
            let vmapi = super::control::Api::at(control.layout().await?.block.vmapi());
            let vm: Value = vmapi.get(&format!("/vms/{uuid}")).await?;
            session.print(format!("{vm:#}\n"));
            return Ok(0);
        }
        ("list", []) => {}
        _ => return usage("not in the lab: anything but list and get"),
    }
    let columns = match options.list('o') {
        columns if columns.is_empty() => vec!["uuid", "type", "ram", "state", "alias"],
        columns => columns,
    };
    let place = session.place()?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    if !options.has('H') && !options.has('p') {
        rows.push(columns.iter().map(|column| column.to_uppercase()).collect());
    }
    for zone in control.zones().await? {
        if matches!(place, Place::Server(server) if server != zone.spec.server) {
            continue;
        }
        let state = match zone.state {
            ZoneState::Running => "running",
            ZoneState::Stopped => "stopped",
            ZoneState::Provisioning => "provisioning",
            ZoneState::Failed => "failed",
            ZoneState::Destroyed => continue,
        };
        let value = |column: &&str| match *column {
            "uuid" | "zonename" => Ok(zone.spec.uuid.to_string()),
            "alias" => Ok(zone.spec.alias.clone()),
            "state" | "zone_state" => Ok(state.to_owned()),
            "type" => Ok("OS".to_owned()),
            "ram" => Ok("1024".to_owned()),
            "image_uuid" => Ok(zone.spec.image.to_string()),
            "server_uuid" => Ok(zone.spec.server.to_string()),
            other => usage(format!("unknown field: {other}")),
        };
        rows.push(columns.iter().map(value).collect::<Result<_, _>>()?);
    }
    if options.has('p') {
        session.print(rows.iter().map(|row| row.join(":") + "\n").collect::<String>());
    } else {
        session.print(super::aligned(&rows));
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_peer_is_like_the_others_of_its_shard() {
        let layout = Layout::example(204);
        let peer = |shard: &str, script: &str| Instance {
            service: "postgres".to_owned(),
            shard: Some(shard.to_owned()),
            metadata: json!({"SHARD": shard, "user-script": script, "SAPI_URL": "http://sapi"}),
            ..Instance::default()
        };
        let deployment = Deployment {
            sapi: super::super::control::Api::at(layout.block.sapi()),
            application: Value::Null,
            services: vec![("s".to_owned(), "postgres".to_owned())],
            instances: vec![peer("1", "a"), peer("2", "b")],
        };
        let addition = Addition {
            server: Uuid::nil(),
            service: "postgres".to_owned(),
            shard: Some("2".to_owned()),
            image: Uuid::nil(),
        };
        let uuid = Uuid::from_u128(0xaa10_c0de << 96);
        let body = instance_body(&layout, &deployment, &addition, uuid, "s");
        assert_eq!(body["params"]["alias"], "2.postgres.lab.example.net-aa10c0de");
        assert_eq!(
            body["metadata"],
            json!({
                "SHARD": "2", "user-script": "b", "SAPI_URL": "http://sapi", "DATACENTER": "lab-1",
                "MANATEE_SHARD_PATH": "/manatee/2.moray.lab.example.net",
                "SERVICE_NAME": "2.moray.lab.example.net",
            })
        );
    }

    #[test]
    fn a_summary_counts() {
        let row = |shard: &str| vec!["postgres".to_owned(), shard.to_owned(), "1".to_owned()];
        let sums = summed(vec![row("1"), row("1"), row("2")]);
        assert_eq!(sums, [["postgres", "1", "2"], ["postgres", "2", "1"]]);
    }
}
