//! Scripts run in zones, through CNAPI's command execution in the global zone and `zlogin`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use async_trait::async_trait;
use sapi_client::cnapi::{Cnapi, InvalidScript, Script, request};
use sapi_client::{InstanceUuid, ServerUuid};

use super::AnyTransport;
use crate::causes::printable;

/// The global zone's part: it enters the zone.
const ENTER: &str = include_str!("../scripts/enter-zone.sh");
/// The end of every script: it runs the function `main`, and ends it when its time is over.
const LIMIT: &str = include_str!("../scripts/limit.sh");

/// The time by which CNAPI's answer may take longer than its script.
const GRACE: Duration = Duration::from_mins(1);

/// The place of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ZonePlace {
    /// The zone.
    pub zone: InstanceUuid,
    /// The server that it is on, as VMAPI knows it.
    pub server: ServerUuid,
    /// The server's datacenter.
    pub datacenter: String,
}

/// A bash script for a zone.
///
/// The text is fixed; what varies goes in as variables, which reach the script quoted, so that nothing in a value is
/// ever read as shell. Scripts can be run again after they were cut off.
#[derive(Clone, Debug)]
pub struct ZoneScript {
    name: &'static str,
    text: &'static str,
    variables: Vec<(&'static str, String)>,
    limit: Duration,
    called: Option<String>,
}

impl ZoneScript {
    /// A script that may take five minutes. The name is for messages.
    pub fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, variables: Vec::new(), limit: Duration::from_mins(5), called: None }
    }

    /// Sets a variable for the script; the name is a shell identifier.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The longest time that it may take in the zone.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets what its process is called in the zone, behind `reshard-`: letters, digits and dashes. Default: its name.
    #[must_use]
    pub fn called(mut self, called: impl Into<String>) -> Self {
        self.called = Some(called.into());
        self
    }

    /// The word by which its processes are known in the zone: another process never has it.
    fn process_name(&self) -> String {
        format!("reshard-{}", self.called.as_deref().unwrap_or(self.name))
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The text that runs in the zone: the variables, quoted, and the text as a function.
    pub fn in_zone(&self) -> String {
        let mut script = format!("limit={}\n", self.limit.as_secs().max(1));
        for (name, value) in &self.variables {
            // Writing to a string does not fail.
            writeln!(script, "{name}={}", quoted(value)).ok();
        }
        script.push_str("main() {\n");
        script.push_str(self.text);
        script.push_str("\n}\n");
        script.push_str(LIMIT);
        script
    }
}

/// A word that the shell takes as it is: in single quotes, and a single quote outside of them.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The outcome of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneOutput {
    /// Its exit status; 124 if its time was over.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs scripts in zones. The seam for tests.
#[async_trait]
pub trait ZoneCommands: Send + Sync {
    /// Runs a script in a zone and returns what it did, whatever its exit status.
    async fn run(
        &self,
        place: &ZonePlace,
        script: &ZoneScript,
    ) -> Result<ZoneOutput, ZoneCommandError>;
}

impl dyn ZoneCommands + '_ {
    /// Runs a script in a zone and returns its standard output.
    ///
    /// # Errors
    ///
    /// [`ZoneCommandError`]; an exit status other than 0 is [`ZoneCommandError::Failed`].
    pub async fn stdout(
        &self,
        place: &ZonePlace,
        script: &ZoneScript,
    ) -> Result<String, ZoneCommandError> {
        let output = self.run(place, script).await?;
        if output.exit_code == 0 {
            return Ok(output.stdout);
        }
        let last = |text: &str| printable(text.trim().lines().last().unwrap_or_default());
        let mut said = last(&output.stderr);
        if said.is_empty() {
            said = last(&output.stdout);
        }
        let (script, zone) = (script.name, place.zone);
        Err(ZoneCommandError::Failed { script, zone, exit_code: output.exit_code, said })
    }
}

/// A script could not be run in a zone, or failed there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneCommandError {
    /// The zone's datacenter has no CNAPI in the configuration.
    #[error("the configuration knows no datacenter {datacenter:?}, where the zone {zone} is")]
    UnknownDatacenter {
        /// The zone.
        zone: InstanceUuid,
        /// Its datacenter.
        datacenter: String,
    },
    /// The text that enters zones is no script: a mistake in this package.
    #[error("what enters zones is not a script")]
    NoScript(#[source] InvalidScript),
    /// CNAPI did not run it, or the answer was lost.
    #[error("the script {script} could not be run in the zone {zone}")]
    NotRun {
        /// The script.
        script: &'static str,
        /// The zone.
        zone: InstanceUuid,
        /// The cause.
        source: sapi_client::Error,
    },
    /// It was not begun: perhaps another executor has taken the plan over.
    #[error("the script {script} was not begun in the zone {zone}")]
    NotBegun {
        /// The script.
        script: &'static str,
        /// The zone.
        zone: InstanceUuid,
        /// True if trying again can help.
        may_pass: bool,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It ended with an error.
    #[error("the script {script} failed in the zone {zone} with {exit_code}: {said}")]
    Failed {
        /// The script.
        script: &'static str,
        /// The zone.
        zone: InstanceUuid,
        /// Its exit status.
        exit_code: i64,
        /// The last line that it printed.
        said: String,
    },
}

/// Runs scripts through CNAPI.
pub struct CnapiCommands {
    cnapis: BTreeMap<String, Cnapi<AnyTransport>>,
}

impl CnapiCommands {
    /// By the CNAPI of each datacenter.
    pub fn new(cnapis: BTreeMap<String, Cnapi<AnyTransport>>) -> Self {
        Self { cnapis }
    }
}

#[async_trait]
impl ZoneCommands for CnapiCommands {
    async fn run(
        &self,
        place: &ZonePlace,
        script: &ZoneScript,
    ) -> Result<ZoneOutput, ZoneCommandError> {
        let zone = place.zone;
        let cnapi = self.cnapis.get(&place.datacenter).ok_or_else(|| {
            ZoneCommandError::UnknownDatacenter { zone, datacenter: place.datacenter.clone() }
        })?;
        let enter = Script::new(ENTER).map_err(ZoneCommandError::NoScript)?;
        let enter = enter.arg(zone.to_string()).arg(script.process_name());
        let enter = enter.env("RESHARD_SCRIPT", script.in_zone());
        // A CNAPI that does not answer must not be waited for as long as the longest script of anybody may take.
        let call = request::execute(place.server, &enter).within(script.limit + GRACE);
        let output = cnapi.client().run(&call).await;
        let output = output.map_err(|source| ZoneCommandError::NotRun {
            script: script.name,
            zone,
            source,
        })?;
        tracing::debug!(%zone, script = script.name, exit_code = output.exit_code, "zone script");
        let (stdout, stderr) = (output.stdout, output.stderr);
        Ok(ZoneOutput { exit_code: output.exit_code, stdout, stderr })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn run(script: &ZoneScript) -> (Option<i32>, String) {
        let output = Command::new("bash").arg("-c").arg(script.in_zone()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn values_are_never_read_as_shell() {
        let nasty = "a'b\"c$(touch /nowhere/x)`id`\\ ;\n# '";
        let script = ZoneScript::new("show", "printf %s \"$value\"").with("value", nasty);
        assert_eq!(run(&script), (Some(0), nasty.to_owned()));
    }

    #[test]
    fn the_exit_status_is_the_scripts() {
        assert_eq!(run(&ZoneScript::new("fail", "echo x; return 7")), (Some(7), "x\n".to_owned()));
        assert_eq!(run(&ZoneScript::new("exit", "exit 9")).0, Some(9));
    }

    #[test]
    fn a_script_ends_with_all_its_commands_when_its_time_is_over() {
        let text = "sleep 60 | sleep 60";
        let script = ZoneScript::new("hang", text).within(Duration::from_secs(1));
        assert_eq!(run(&script).0, Some(124));
    }
}
