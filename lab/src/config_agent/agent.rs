//! The agent: one pass over a zone's manifests, and the service that makes them again and again.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use super::mustache::{TemplateError, render};
use super::sapi::{Configuration, ConfigurationManifest, Sapi, SapiError};
use crate::context::{ServiceContext, ServiceError};
use crate::directory::LabDirectory;
use crate::host::{Account, Confined, Entrance, enter};
use crate::layout::{Layout, ZoneSpec};
use crate::messages::ExecRequest;

/// The longest that the command of a manifest may take.
const POST_CMD_TIME: Duration = Duration::from_mins(1);

/// A failure to render a zone's files.
#[derive(Debug, Error)]
pub(crate) enum AgentError {
    /// SAPI does not tell what they are to be.
    #[error("cannot ask SAPI for the configuration of zone {zone}")]
    Sapi {
        /// The zone.
        zone: Uuid,
        /// The cause.
        #[source]
        source: SapiError,
    },
    /// A template is malformed.
    #[error("cannot render the manifest {manifest}")]
    Template {
        /// The manifest.
        manifest: String,
        /// The cause.
        #[source]
        source: TemplateError,
    },
    /// A path is not one of the zone.
    #[error(
        "the manifest {manifest} has the path {path}: it has to begin with / and to be without .."
    )]
    Path {
        /// The manifest.
        manifest: String,
        /// Its path.
        path: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// The values that the zone itself adds, as `auto`.
#[derive(Clone, Debug)]
pub(crate) struct Automatic {
    /// The zone.
    pub(crate) zone: Uuid,
    /// Its address: the lab has one network for all purposes.
    pub(crate) address: Ipv4Addr,
    /// The compute node that it is on.
    pub(crate) server: Uuid,
    /// `lab-1`
    pub(crate) datacenter: String,
}

impl Automatic {
    /// Of a zone of a lab.
    pub(crate) fn of(zone: &ZoneSpec, layout: &Layout) -> Self {
        Self {
            zone: zone.uuid,
            address: zone.address,
            server: zone.server,
            datacenter: layout.datacenter.clone(),
        }
    }

    fn values(&self) -> Value {
        json!({
            "ADMIN_IP": self.address,
            "MANTA_IP": self.address,
            "PRIMARY_IP": self.address,
            "ZONENAME": self.zone,
            "SERVER_UUID": self.server,
            "DATACENTER": self.datacenter,
        })
    }
}

/// Asks SAPI once, and writes the files that are not what they should be. Returns those. They belong to `owner`.
///
/// # Errors
/// SAPI does not answer, a template is malformed, or a file cannot be written. Files before it are written.
pub(crate) async fn pass(
    sapi: &Sapi,
    directory: &LabDirectory,
    automatic: &Automatic,
    owner: Option<&Account>,
) -> Result<Vec<PathBuf>, AgentError> {
    let zone = automatic.zone;
    let asked = sapi.configuration(zone, None).await;
    let asked = asked.map_err(|source| AgentError::Sapi { zone, source })?;
    let changed =
        asked.map(|(configuration, _)| apply(&configuration, directory, automatic, owner));
    let changed = changed.transpose()?.unwrap_or_default();
    Ok(changed.into_iter().map(|changed| changed.path).collect())
}

/// A file that was written.
struct Changed {
    path: PathBuf,
    post_cmd: Option<String>,
}

fn apply(
    configuration: &Configuration,
    directory: &LabDirectory,
    automatic: &Automatic,
    owner: Option<&Account>,
) -> Result<Vec<Changed>, AgentError> {
    let values = values(&configuration.metadata, automatic);
    let root = directory.zone_root(automatic.zone);
    let unwritten = |path: &Path| {
        let path = path.to_owned();
        move |source| AgentError::Write { path, source }
    };
    let confined = Confined::open(&root, owner).map_err(unwritten(&root))?;
    let mut changed = Vec::new();
    for manifest in &configuration.manifests {
        let path = place(manifest, directory, automatic.zone)?;
        let text = render(&text(&manifest.template), &values)
            .map_err(|source| AgentError::Template { manifest: manifest.name.clone(), source })?;
        let inside = Path::new(&manifest.path);
        if confined.read(inside).is_ok_and(|contents| contents == text.as_bytes()) {
            continue;
        }
        confined.write(inside, text.as_bytes()).map_err(unwritten(&path))?;
        tracing::info!(manifest = manifest.name, path = manifest.path, "written");
        changed.push(Changed { path, post_cmd: manifest.post_cmd.clone() });
    }
    Ok(changed)
}

fn values(metadata: &Map<String, Value>, automatic: &Automatic) -> Value {
    let mut values = metadata.clone();
    values.insert("auto".to_owned(), automatic.values());
    Value::Object(values)
}

fn text(template: &Value) -> String {
    template.as_str().map_or_else(|| format!("{template:#}"), ToOwned::to_owned)
}

/// The path of a manifest's file. What SAPI has can be anybody's: a file outside the zone is not written.
fn place(
    manifest: &ConfigurationManifest,
    directory: &LabDirectory,
    zone: Uuid,
) -> Result<PathBuf, AgentError> {
    let path = Path::new(&manifest.path);
    let plain =
        path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || path.file_name().is_none() {
        let (manifest, path) = (manifest.name.clone(), manifest.path.clone());
        return Err(AgentError::Path { manifest, path });
    }
    Ok(directory.in_zone(zone, path))
}

/// The service: a pass every `config_poll`, whose commands are run.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let directory = context.directory();
    let layout: Layout = serde_json::from_slice(&fs::read(directory.layout())?)?;
    let spec: ZoneSpec = serde_json::from_slice(&fs::read(directory.zone_spec(context.zone))?)?;
    let automatic = Automatic::of(&spec, &layout);
    let sapi = Sapi::new(&format!("http://{}", layout.block.sapi()), spec.address)?;
    let entrance = Entrance::of_zone(&layout, &directory, context.zone);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut poll = tokio::time::interval(layout.options.config_poll);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut etag: Option<String> = None;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = poll.tick() => {}
        }
        match sapi.configuration(context.zone, etag.as_deref()).await {
            Ok(None) => {}
            Ok(Some((configuration, new))) => {
                match apply(&configuration, &directory, &automatic, None) {
                    Ok(changed) => {
                        etag = new;
                        run_commands(changed, &entrance).await;
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "not rendered");
                    }
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "not polled"),
        }
    }
}

async fn run_commands(changed: Vec<Changed>, entrance: &Entrance) {
    for (path, command) in
        changed.into_iter().filter_map(|changed| Some((changed.path, changed.post_cmd?)))
    {
        let argv = ["/bin/bash", "-c", &command].map(ToOwned::to_owned).into();
        let request = ExecRequest { argv, ..ExecRequest::default() }.within(POST_CMD_TIME);
        match enter(entrance, &request).await {
            Ok(done) if done.exit_code == 0 => {}
            Ok(done) => tracing::warn!(path = %path.display(), ?done, "post_cmd failed"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "post_cmd not run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automatic() -> Automatic {
        Automatic {
            zone: Uuid::from_u128(1),
            address: Ipv4Addr::new(127, 77, 203, 40),
            server: Uuid::from_u128(2),
            datacenter: "lab-1".to_owned(),
        }
    }

    fn configuration(path: &str, template: &Value, value: &str) -> Configuration {
        let manifest = json!({"name": "m", "path": path, "template": template, "version": "1.0.0"});
        serde_json::from_value(json!({"manifests": [manifest], "metadata": {"KEY": value}}))
            .unwrap()
    }

    #[test]
    fn files_are_written_when_they_change() {
        let lab = tempfile::tempdir().unwrap();
        let directory = LabDirectory::new(lab.path());
        fs::create_dir_all(directory.zone_root(automatic().zone)).unwrap();
        let template = json!("{{KEY}} of {{auto.ZONENAME}} at {{auto.MANTA_IP}}");
        let first = configuration("/opt/x/etc/config.json", &template, "one");
        let written = apply(&first, &directory, &automatic(), None).unwrap();
        let expected = "one of 00000000-0000-0000-0000-000000000001 at 127.77.203.40";
        assert_eq!(fs::read_to_string(&written[0].path).unwrap(), expected);
        assert!(written[0].path.ends_with("root/opt/x/etc/config.json"));
        assert!(apply(&first, &directory, &automatic(), None).unwrap().is_empty());
        let second = configuration("/opt/x/etc/config.json", &template, "two");
        assert_eq!(apply(&second, &directory, &automatic(), None).unwrap().len(), 1);
    }

    #[test]
    fn an_object_stands_for_its_json() {
        let lab = tempfile::tempdir().unwrap();
        let directory = LabDirectory::new(lab.path());
        fs::create_dir_all(directory.zone_root(automatic().zone)).unwrap();
        let configuration = configuration("/etc/x", &json!({"service": "{{KEY}}"}), "s");
        let written = apply(&configuration, &directory, &automatic(), None).unwrap();
        let value: Value = serde_json::from_slice(&fs::read(&written[0].path).unwrap()).unwrap();
        assert_eq!(value, json!({"service": "s"}));
    }

    #[test]
    fn files_of_others_are_not_written() {
        let lab = tempfile::tempdir().unwrap();
        let directory = LabDirectory::new(lab.path());
        fs::create_dir_all(directory.zone_root(automatic().zone)).unwrap();
        for path in ["/../../x", "etc/x", "/a/../b", "/", ""] {
            let configuration = configuration(path, &json!("x"), "");
            let error = apply(&configuration, &directory, &automatic(), None).err().unwrap();
            assert!(matches!(error, AgentError::Path { .. }), "{path}");
        }
    }

    #[test]
    fn a_link_of_the_zone_leads_to_no_other() {
        let lab = tempfile::tempdir().unwrap();
        let directory = LabDirectory::new(lab.path());
        let zone = automatic().zone;
        let other = directory.zone_root(Uuid::from_u128(9));
        fs::create_dir_all(&other).unwrap();
        fs::create_dir_all(directory.zone_root(zone)).unwrap();
        std::os::unix::fs::symlink(&other, directory.in_zone(zone, "/opt")).unwrap();
        let configuration = configuration("/opt/x", &json!("x"), "");
        let error = apply(&configuration, &directory, &automatic(), None).err().unwrap();
        assert!(matches!(error, AgentError::Write { .. }));
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0);
    }
}
