//! The work of a zone when it boots for the first time, before its services start.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::owner::Inner;
use super::services::services;
use super::skeleton::Root;
use super::{ZoneError, manifests, ring};
use crate::address::AddressBlock;
use crate::config_agent::{Automatic, Sapi, pass};
use crate::host::Confined;
use crate::layout::ZoneSpec;
use crate::role::Role;

/// Tells that the setup was done. It is in the root directory, and so goes away with it at a reprovision.
pub(super) const SENTINEL: &str = "var/svc/.ran-user-script";
/// The time for which the setup waits before it asks SAPI once more.
const RETRY: Duration = Duration::from_millis(200);

impl Inner {
    /// SAPI, asked from a zone.
    pub(super) fn sapi(&self, spec: &ZoneSpec) -> Result<Sapi, ZoneError> {
        let base = format!("http://{}", self.layout.block.sapi());
        let failed = ZoneError::setup(spec.uuid, "make a client of SAPI");
        Sapi::new(&base, spec.address).map_err(failed)
    }

    /// Makes the root directory of a zone. What is in it already stays.
    pub(super) fn lay_out(&self, spec: &ZoneSpec) -> Result<(), ZoneError> {
        let root = Root::new(self.directory.zone_root(spec.uuid), self.account.as_ref());
        let mut hosts = self.hosts();
        hosts.push((spec.address, spec.alias.clone()));
        root.lay_out(&hosts, &self.tools())?;
        for manifest in manifests(&self.layout).iter().filter(|one| one.role == spec.role) {
            let path = Path::new(manifest.path);
            root.directory(path.parent().unwrap_or(path))?;
        }
        match spec.role {
            Role::Postgres => root.directory("manatee/pg"),
            Role::ElectricMoray => root.directory("electric-moray"),
            Role::Nameservice | Role::Moray | Role::Webapi | Role::Deployment => Ok(()),
        }
    }

    /// Does the setup of a zone's first boot.
    pub(super) async fn set_up(&self, spec: &ZoneSpec) -> Result<(), ZoneError> {
        let root = Root::new(self.directory.zone_root(spec.uuid), self.account.as_ref());
        if !services(spec.role, &self.layout).is_empty() {
            self.configure(spec, self.settings.setup_timeout).await?;
        }
        match spec.role {
            Role::Postgres => {
                root.file("root/.bashrc", &self.bashrc(spec)?)?;
                for (path, contents, mode) in crate::pg_dump::FILES {
                    root.file(path.trim_start_matches('/'), contents)?;
                    root.mode(path, *mode)?;
                }
            }
            Role::ElectricMoray => self.install_ring(spec).await?,
            Role::Deployment => {
                let config = format!("{:#}\n", deployment_config(self.layout.block));
                root.file("opt/smartdc/manta-deployment/etc/config.json", &config)?;
            }
            Role::Webapi => {
                let config = format!("{:#}\n", muskie_config(&self.layout.domain()));
                root.file("opt/smartdc/muskie/etc/config.json", &config)?;
            }
            Role::Nameservice | Role::Moray => {}
        }
        root.file(SENTINEL, "")
    }

    /// Renders a zone's configuration files, as config-agent does; asks again until it worked or `patience` is over.
    pub(super) async fn configure(
        &self,
        spec: &ZoneSpec,
        patience: Duration,
    ) -> Result<(), ZoneError> {
        let sapi = self.sapi(spec)?;
        let automatic = Automatic::of(spec, &self.layout);
        let deadline = Instant::now() + patience;
        loop {
            match pass(&sapi, &self.directory, &automatic, self.account.as_ref()).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= deadline => {
                    return Err(ZoneError::setup(spec.uuid, "render its configuration")(error));
                }
                Err(error) => tracing::debug!(zone = %spec.uuid, %error, "not configured yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// The environment of the operators' shells in a postgres zone. It keeps the shard of the first boot.
    fn bashrc(&self, spec: &ZoneSpec) -> Result<String, ZoneError> {
        let path = "/opt/smartdc/manatee/etc/sitter.json";
        let failed = ZoneError::file("read", self.directory.in_zone(spec.uuid, path));
        let root = Confined::open(&self.directory.zone_root(spec.uuid), None);
        let sitter = root
            .and_then(|root| root.read(Path::new(path)))
            .and_then(|text| Ok(serde_json::from_slice::<Value>(&text)?));
        let sitter = sitter.map_err(failed)?;
        let text = |pointer| sitter.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let shard = text("/shardPath").rsplit('/').next().unwrap_or_default();
        let servers = text("/zookeeper/servers");
        let mut bashrc = String::new();
        for (name, value) in [
            ("ZK_IPS", servers),
            ("SHARD", shard),
            ("MANATEE_SITTER_CONFIG", "/opt/smartdc/manatee/etc/sitter.json"),
        ] {
            // A string takes any text.
            writeln!(bashrc, "export {name}={}", quoted(value)).unwrap_or_default();
        }
        Ok(bashrc)
    }

    async fn install_ring(&self, spec: &ZoneSpec) -> Result<(), ZoneError> {
        let root = self.directory.zone_root(spec.uuid);
        // Not in the zone: it could have a link of this name.
        let file = self.directory.zone(spec.uuid).join("hash_ring.tgz");
        let step = "install the ring";
        let sapi = self.sapi(spec)?;
        let image = ring::download(&sapi, &file).await;
        let image = image.map_err(ZoneError::setup(spec.uuid, step))?;
        tracing::info!(zone = %spec.uuid, image, "installing the ring");
        let instances = self.layout.options.router_instances;
        let installed = tokio::task::spawn_blocking(move || {
            let installed = ring::install(&image, &file, &root, instances);
            fs::remove_file(&file).unwrap_or_default();
            installed
        });
        let installed = installed.await.map_err(ZoneError::setup(spec.uuid, step))?;
        installed.map_err(ZoneError::setup(spec.uuid, step))?;
        self.own(&self.directory.in_zone(spec.uuid, "/electric-moray"))
    }
}

/// A word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The configuration by which the deployment zone's tools find the APIs.
fn deployment_config(block: AddressBlock) -> Value {
    let url = |address| json!({"url": format!("http://{address}")});
    json!({
        "log_level": "info",
        "sapi": url(block.sapi()),
        "imgapi": url(block.imgapi()),
        "vmapi": url(block.vmapi()),
        "cnapi": url(block.cnapi()),
    })
}

/// The configuration that the tools of a webapi zone are given. The lab's own tools only look whether it is there.
fn muskie_config(domain: &str) -> Value {
    json!({"moray": {"host": format!("electric-moray.{domain}"), "port": crate::moray::PORT}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_shell() {
        assert_eq!(quoted("a'b $x"), r"'a'\''b $x'");
    }
}
