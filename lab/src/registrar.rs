//! Registers a zone's services in ZooKeeper, as DNS has them in production.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use zookeeper::{Acls, Client, CreateMode};

use crate::context::{ServiceContext, ServiceError, terminated};
use crate::host::{Entrance, enter};
use crate::layout::Layout;
use crate::messages::ExecRequest;
use crate::moray::config::{ZooKeeperConfig, read};
use crate::zookeeper::make_path;

/// The time between attempts to reach ZooKeeper.
const INTERVAL: Duration = Duration::from_millis(200);

/// `/opt/smartdc/registrar/etc/config.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    registration: Registration,
    zookeeper: ZooKeeperConfig,
    /// The zone's address.
    admin_ip: Ipv4Addr,
    #[serde(default)]
    health_check: Option<HealthCheck>,
}

#[derive(Clone, Debug, Deserialize)]
struct Registration {
    /// The name under which the zone is entered: `1.moray.lab.example.net`.
    domain: String,
    /// `moray_host`, `db_host` and the like.
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    ports: Vec<u16>,
}

/// The conditions on which the zone may be entered. The names are production's.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthCheck {
    /// Run by bash in the zone: the zone is healthy when it succeeds.
    command: String,
    /// It only has to end in time.
    #[serde(default)]
    ignore_exit_status: bool,
    /// Milliseconds between two runs.
    #[serde(default = "a_minute")]
    interval: u64,
    /// After so many failures in a row the zone is ill.
    #[serde(default = "five")]
    threshold: u32,
    /// The time limit, in milliseconds.
    #[serde(default = "a_second")]
    timeout: u64,
}

fn a_minute() -> u64 {
    60_000
}

fn a_second() -> u64 {
    1000
}

fn five() -> u32 {
    5
}

/// Asks a zone how it is.
struct Doctor {
    check: HealthCheck,
    entrance: Entrance,
}

impl Doctor {
    async fn finds_it_well(&self) -> bool {
        let argv = ["/bin/bash", "-c", &self.check.command].map(ToOwned::to_owned).into();
        let time = Duration::from_millis(self.check.timeout);
        let request = ExecRequest { argv, ..ExecRequest::default() }.within(time);
        match enter(&self.entrance, &request).await {
            Ok(done) => !done.timed_out && (self.check.ignore_exit_status || done.exit_code == 0),
            Err(error) => {
                tracing::warn!(%error, "cannot ask for the zone's health");
                false
            }
        }
    }

    /// Waits until the zone is well.
    async fn well(&self) {
        while !self.finds_it_well().await {
            tokio::time::sleep(Duration::from_millis(self.check.interval)).await;
        }
    }

    /// Waits until the zone is ill.
    async fn ill(&self) {
        let mut failures = 0;
        while failures < self.check.threshold.max(1) {
            tokio::time::sleep(Duration::from_millis(self.check.interval)).await;
            failures = if self.finds_it_well().await { 0 } else { failures + 1 };
        }
    }
}

/// The node that has those of a domain as its children: the domain's parts from the last to the first.
pub(crate) fn path_of(domain: &str) -> String {
    domain.split('.').rev().fold(String::new(), |path, part| path + "/" + part)
}

/// The address and port of a Moray, if that is what an entry is of.
pub(crate) fn moray_address(entry: &[u8], default_port: u16) -> Option<String> {
    let entry: Value = serde_json::from_slice(entry).ok()?;
    if entry.get("type")? != "moray_host" {
        return None;
    }
    let host = entry.get("moray_host")?;
    let address: Ipv4Addr = host.get("address")?.as_str()?.parse().ok()?;
    let port = host.get("ports").and_then(|ports| ports.get(0)).and_then(Value::as_u64);
    Some(format!("{address}:{}", port.unwrap_or(default_port.into())))
}

impl Config {
    fn entry(&self) -> String {
        let Registration { kind, ports, .. } = &self.registration;
        let address = self.admin_ip;
        json!({"type": kind, "address": address, kind.as_str(): {"address": address, "ports": ports}}).to_string()
    }
}

/// The service `registrar`: keeps the zone's entry while it runs and the zone is healthy.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let directory = context.directory();
    let path = directory.in_zone(context.zone, "/opt/smartdc/registrar/etc/config.json");
    let config: Config = read(&path).await?;
    let layout: Layout = read(&directory.layout()).await?;
    let doctor = config.health_check.clone().map(|check| {
        let entrance = Entrance::of_zone(&layout, &directory, context.zone);
        Doctor { check, entrance }
    });
    let parent = path_of(&config.registration.domain);
    let path = format!("{parent}/{}", context.zone);
    let entry = config.entry();
    let mut session = None;
    let keep = async {
        loop {
            if let Some(doctor) = &doctor {
                doctor.well().await;
            }
            let result = async {
                let client = session.insert(config.zookeeper.connect().await?);
                register(client, &parent, &path, entry.as_bytes()).await?;
                tracing::info!(path, "registered");
                let ill = async {
                    match &doctor {
                        Some(doctor) => doctor.ill().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = over(client) => Ok::<bool, ServiceError>(false),
                    () = ill => {
                        client.delete(&path, None).await?;
                        Ok(true)
                    }
                }
            };
            match result.await {
                Ok(true) => tracing::warn!(path, "the zone is ill: no longer registered"),
                Ok(false) => tracing::warn!(path, "the session is over; registering again"),
                Err(error) => tracing::warn!(path, %error, "cannot register; trying again"),
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::select! {
        () = keep => {}
        result = terminated() => result?,
    }
    // Others need not wait until the session is over.
    let session: Option<Client> = session;
    if let Some(client) = session
        && let Err(error) = client.delete(&path, None).await
    {
        tracing::warn!(path, %error, "the entry is left to the end of the session");
    }
    Ok(())
}

/// Enters the zone. An entry of an earlier process, which its session may yet take away, is replaced.
async fn register(
    client: &Client,
    parent: &str,
    path: &str,
    entry: &[u8],
) -> Result<(), ServiceError> {
    make_path(client, parent).await?;
    match client.delete(path, None).await {
        Ok(()) | Err(zookeeper::Error::NoNode) => {}
        Err(error) => return Err(error.into()),
    }
    let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create(path, entry, &options).await?;
    Ok(())
}

/// Waits until the session is over.
async fn over(client: &Client) {
    let mut states = client.state_watcher();
    while !states.state().is_terminated() {
        states.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_and_read() {
        assert_eq!(path_of("1.moray.lab.example.net"), "/net/example/lab/moray/1");
        let config: Config = serde_json::from_value(json!({
            "registration": {"domain": "1.moray.lab.example.net", "type": "moray_host", "ports": [2020]},
            "zookeeper": {"servers": "127.77.0.10:2181", "sessionTimeoutMs": 3000},
            "adminIp": "127.77.0.150",
        }))
        .unwrap();
        let entry = config.entry();
        let expected = r#"{"type":"moray_host","address":"127.77.0.150","moray_host":{"address":"127.77.0.150","ports":[2020]}}"#;
        assert_eq!(entry, expected);
        assert_eq!(moray_address(entry.as_bytes(), 1).unwrap(), "127.77.0.150:2020");
        assert_eq!(moray_address(br#"{"type":"db_host","address":"127.77.0.40"}"#, 1), None);
    }
}
