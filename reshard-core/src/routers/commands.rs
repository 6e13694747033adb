//! The commands in a router's zone: one script each.

use std::time::Duration;

use sapi_client::ImageUuid;
use sapi_client::imgapi::Sha1Hex;

use super::{Router, RouterError};
use crate::causes::printable;
use crate::deployment::{Deployment, ZoneCommandError, ZoneOutput, ZoneScript};
use crate::hint::{Hint, Operation};
use crate::plan::PlanUuid;

/// The exit status of a script that met what only the operator can judge.
const REFUSED: i64 = 65;
/// The exit status of a script that misses a ring.
const NOT_STAGED: i64 = 66;
/// The longest that fetching and unpacking the rings may take in a zone.
const STAGING: Duration = Duration::from_mins(30);
/// The longest that an instance may take until it answers after its start.
const STARTING: Duration = Duration::from_mins(1);
/// The longest that config-agent may take to write the configuration.
const RENDERING: Duration = Duration::from_secs(30);
/// The longest for that when something is rolled back: writes are refused until it is over.
const UNLISTING: Duration = Duration::from_secs(10);

macro_rules! script {
    ($name:literal) => {
        ZoneScript::new(
            $name,
            concat!(
                include_str!("../scripts/own-directory.sh"),
                include_str!("../scripts/newest-command.sh"),
                include_str!("../scripts/router-common.sh"),
                include_str!(concat!("../scripts/", $name, ".sh"))
            ),
        )
    };
}

/// The identity of a command, so that a zone obeys the newest one and refuses what comes late.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The plan.
    pub plan: PlanUuid,
    /// Its number in the plan: each has a higher one than those before.
    pub number: u64,
    /// The image that rings without a stamp came from, if there is one such: `manta-adm` makes images without stamps.
    pub unstamped: Option<ImageUuid>,
}

impl Command {
    fn script(&self, script: ZoneScript) -> ZoneScript {
        script
            .called(format!("{}-{}", self.plan, self.number))
            .with("plan", self.plan.to_string())
            .with("issue", self.number.to_string())
            .with("unstamped", self.unstamped.map(|image| image.to_string()).unwrap_or_default())
    }
}

/// An image that is to be staged.
#[derive(Clone, Debug)]
pub struct StagedImage {
    /// The image.
    pub image: ImageUuid,
    /// Its file's SHA-1.
    pub sha1: Sha1Hex,
}

/// The ring that is put in place.
#[derive(Clone, Debug)]
pub struct RingSwap {
    /// The image of the ring.
    pub to: ImageUuid,
    /// The images of the rings that may be in its place before.
    pub from: Vec<ImageUuid>,
    /// The ring that the operator is told to put back where another one is found.
    pub restore_to: ImageUuid,
    /// True if it is to roll something back: then instances that do not run get the ring too.
    pub is_rollback: bool,
    /// Shards that the instances shall route writes to; an instance that does not is restarted.
    pub shards: Vec<String>,
    /// Shards that the instances shall not know of; one that does is restarted.
    pub absent_shards: Vec<String>,
}

impl RingSwap {
    /// To go forward: `from` may be in place before, and where another ring is, `restore_to` should be.
    pub fn forth(
        to: ImageUuid,
        from: Vec<ImageUuid>,
        restore_to: ImageUuid,
        shards: Vec<String>,
    ) -> Self {
        Self { to, from, restore_to, is_rollback: false, shards, absent_shards: Vec::new() }
    }
}

/// An SMF instance of a router's zone as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceState {
    /// Its name, such as `electric-moray-2021`.
    pub instance: String,
    /// SMF's state: `online`, `disabled`, `maintenance` …
    pub state: String,
    /// The port of its status.
    pub status_port: u16,
    /// The directory of its ring.
    pub ring: String,
    /// The image of the ring; `None` if it has no stamp and that stands for no image, or if there is no ring.
    pub image: Option<ImageUuid>,
    /// True if a change of rings was begun and not ended.
    pub flipping: bool,
    /// The images of the rings beside it.
    pub staged: Vec<ImageUuid>,
}

/// The outcome for an SMF instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flipped {
    /// Its name.
    pub instance: String,
    /// The port of its status.
    pub status_port: u16,
    /// The image of the ring before; the wanted one if nothing had to be done.
    pub before: Option<ImageUuid>,
    /// True if the ring was put in place now, or the process at least restarted.
    pub changed: bool,
    /// Its process and when that began; `None` if it does not run.
    pub process: Option<(u64, String)>,
}

impl Flipped {
    /// True if it was restarted: instances that somebody disabled get their ring too, but are not started.
    pub fn has_restarted(&self) -> bool {
        self.changed && self.process.is_some()
    }
}

/// Puts rings beside the live ones of all instances of a zone. What is there already is left alone.
///
/// # Errors
///
/// [`RouterError`]
pub async fn stage(
    deployment: &Deployment,
    router: &Router,
    command: &Command,
    imgapi: &str,
    images: &[StagedImage],
) -> Result<Vec<InstanceState>, RouterError> {
    let images: Vec<String> =
        images.iter().map(|staged| format!("{}:{}", staged.image, staged.sha1)).collect();
    let script = command
        .script(script!("stage-rings"))
        .with("imgapi", imgapi.trim_end_matches('/'))
        .with("images", images.join(" "))
        .within(STAGING);
    instance_states(router, &script, &run(deployment, router, &script).await?)
}

/// Puts a ring in place in all instances of a zone, one after the other. Those that have it already are left alone, unless
/// they lack shards.
///
/// # Errors
///
/// [`RouterError`]; [`RouterError::NotStaged`] where the ring is not beside the live one.
pub async fn flip(
    deployment: &Deployment,
    router: &Router,
    command: &Command,
    flip: &RingSwap,
) -> Result<Vec<Flipped>, RouterError> {
    let from: Vec<String> = flip.from.iter().map(ToString::to_string).collect();
    let script = command
        .script(script!("flip-rings"))
        .with("want", flip.to.to_string())
        .with("from", from.join(" "))
        .with("proper", flip.restore_to.to_string())
        .with("back", if flip.is_rollback { "yes" } else { "no" })
        .with("shards", flip.shards.join(" "))
        .with("strange", flip.absent_shards.join(" "))
        .with("ip", router.ip.as_str())
        .with("patience", STARTING.as_secs().to_string());
    let stdout = run(deployment, router, &script).await?;
    let flipped = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [instance, port, verdict, before, process] = fields.as_slice() else { return None };
        let process = match process.split_once(' ')? {
            ("-", "-") => None,
            (pid, start_time) => Some((pid.parse().ok()?, start_time.trim().to_owned())),
        };
        Some(Flipped {
            instance: (*instance).to_owned(),
            status_port: port.parse().ok()?,
            before: before.parse().ok(),
            changed: *verdict == "flipped",
            process,
        })
    };
    lines(router, &script, &stdout, flipped)
}

/// Removes the rings of images from beside the live ones of a zone, where `keep` must be in place.
///
/// # Errors
///
/// [`RouterError`]
pub async fn clear(
    deployment: &Deployment,
    router: &Router,
    command: &Command,
    keep: ImageUuid,
    images: &[ImageUuid],
) -> Result<(), RouterError> {
    let images: Vec<String> = images.iter().map(ToString::to_string).collect();
    let script = command
        .script(script!("clear-rings"))
        .with("keep", keep.to_string())
        .with("images", images.join(" "));
    run(deployment, router, &script).await.map(drop)
}

/// Has a zone's configuration written anew, and waits until it has the shards, or has none of them if they are not `listed`. The
/// processes know of that when they are started the next time.
///
/// # Errors
///
/// [`RouterError`]
pub async fn render_shards(
    deployment: &Deployment,
    router: &Router,
    command: &Command,
    shards: &[String],
    listed: bool,
) -> Result<Vec<InstanceState>, RouterError> {
    let script = command
        .script(script!("render-shards"))
        .with("listed", if listed { "yes" } else { "no" })
        .with("shards", shards.join(" "))
        .with("patience", if listed { RENDERING } else { UNLISTING }.as_secs().to_string());
    instance_states(router, &script, &run(deployment, router, &script).await?)
}

async fn run(
    deployment: &Deployment,
    router: &Router,
    script: &ZoneScript,
) -> Result<String, RouterError> {
    let zone = router.place.zone;
    let ZoneOutput { exit_code, stdout, stderr } =
        deployment.zones().run(&router.place, script).await?;
    let last = stderr.trim().lines().last().unwrap_or_default();
    let (what, remedy) = last.split_once('\t').unwrap_or((last, "look into the zone"));
    match exit_code {
        0 => Ok(stdout),
        REFUSED => {
            let (what, remedy) = (printable(what), remedy_of(&printable(remedy)));
            Err(RouterError::Refused { zone, what, remedy })
        }
        NOT_STAGED => Err(RouterError::NotStaged { zone }),
        exit_code => {
            let (script, said) = (script.name(), printable(last));
            Err(ZoneCommandError::Failed { script, zone, exit_code, said }.into())
        }
    }
}

/// A remedy as scripts write it, where `{resume}` and `{abort}` name operations.
fn remedy_of(text: &str) -> Hint {
    for (name, operation) in [("{resume}", Operation::Resume), ("{abort}", Operation::Abort)] {
        if let Some((before, after)) = text.split_once(name) {
            return remedy_of(before).and(operation).and(remedy_of(after));
        }
    }
    text.into()
}

fn instance_states(
    router: &Router,
    script: &ZoneScript,
    stdout: &str,
) -> Result<Vec<InstanceState>, RouterError> {
    lines(router, script, stdout, |line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [instance, state, port, ring, image, flipping, staged] = fields.as_slice() else {
            return None;
        };
        Some(InstanceState {
            instance: (*instance).to_owned(),
            state: (*state).to_owned(),
            status_port: port.parse().ok()?,
            ring: (*ring).to_owned(),
            image: image.parse().ok(),
            flipping: *flipping == "yes",
            staged: staged.split(',').filter_map(|image| image.parse().ok()).collect(),
        })
    })
}

fn lines<T>(
    router: &Router,
    script: &ZoneScript,
    stdout: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, RouterError> {
    let (script, zone) = (script.name(), router.place.zone);
    let nonsense = |line: &str| RouterError::UnexpectedOutput {
        script,
        zone,
        line: line.chars().take(200).collect(),
    };
    let lines = stdout.lines().filter(|line| !line.trim().is_empty());
    let read: Vec<T> =
        lines.map(|line| read(line).ok_or_else(|| nonsense(line))).collect::<Result<_, _>>()?;
    if read.is_empty() { Err(nonsense("nothing")) } else { Ok(read) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hint::hint;

    #[test]
    fn a_script_names_operations() {
        let text = "see what {made} it; `rm x`, then {resume}, or {abort}";
        let read = hint!(
            "see what {made} it; `rm x`, then ",
            Operation::Resume,
            ", or ",
            Operation::Abort
        );
        assert_eq!(remedy_of(text), read);
    }
}
