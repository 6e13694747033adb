//! The electric-moray zones and what runs in them.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use sapi_client::{ImageUuid, InstanceUuid};

use super::{InventoryError, RouterFacts, RouterInstance, ZoneFacts};
use crate::clock::Clock;
use crate::deployment::{Deployment, ZonePlace, ZoneScript};
use crate::region::RouterStatus;

/// The number of zones that are looked into at the same time.
pub(crate) const AT_ONCE: usize = 16;
/// The longest that looking into a zone may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The findings in an electric-moray zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterProbe {
    /// The zone's clock, and ours before and after it was asked.
    pub clock: ClockReading,
    /// SMF's state of config-agent, which writes the zone's configuration; empty where there is none.
    pub config_agent: String,
    /// The lock under which plans change the zone's rings.
    pub lock: RingsLock,
    /// Its SMF instances.
    pub instances: Vec<InstanceProbe>,
}

/// The lock in an electric-moray zone under which plans change its rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingsLock {
    /// Nobody has it.
    Free,
    /// A command of a plan runs.
    Held {
        /// The plan.
        plan: String,
        /// The command's number in the plan.
        number: u64,
    },
    /// A file is left that names no command that runs. The next command removes it.
    Left,
    /// In its place is what no plan has made.
    Strange,
    /// The directory that it is to be in is not one that only root can enter.
    ForeignDirectory,
}

/// A zone's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The zone's, in seconds since 1970.
    pub zone: i64,
    /// Ours before.
    pub before: Timestamp,
    /// Ours after.
    pub after: Timestamp,
}

impl ClockReading {
    /// The number of seconds that the zone's clock is ahead (positive) or behind (negative), at least.
    pub fn skew(&self) -> i64 {
        // The zone gives whole seconds.
        let (earliest, latest) = (self.before.as_second() - 1, self.after.as_second() + 1);
        if self.zone > latest {
            self.zone - latest
        } else if self.zone < earliest {
            self.zone - earliest
        } else {
            0
        }
    }
}

/// The findings at an electric-moray process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceProbe {
    /// Its SMF instance, such as `electric-moray-2021`.
    pub instance: String,
    /// SMF's state of it, such as `online`.
    pub state: String,
    /// The port of its requests.
    pub port: u16,
    /// The port of its status.
    pub status_port: u16,
    /// The directory of its ring.
    pub ring: String,
    /// The image in the ring's stamp.
    pub stamp: Stamped,
    /// A checksum of the ring's tables.
    pub tables: Option<String>,
    /// The status that the process tells of itself; absent where it does not answer.
    pub status: Option<RouterStatus>,
}

/// The image in a ring's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamped {
    /// This one.
    Image(ImageUuid),
    /// There is no stamp, as in a ring that manta-adm made.
    Not,
    /// There is one that cannot be read.
    Unreadable,
}

impl Stamped {
    /// The image, where there is one.
    pub fn image(self) -> Option<ImageUuid> {
        if let Self::Image(image) = self { Some(image) } else { None }
    }
}

/// Looks into an electric-moray zone that has this address.
///
/// # Errors
///
/// [`InventoryError::Zone`], [`InventoryError::Router`].
pub async fn probe_router(
    deployment: &Deployment,
    place: &ZonePlace,
    ip: &str,
    clock: &dyn Clock,
) -> Result<RouterProbe, InventoryError> {
    let text = concat!(
        include_str!("../scripts/own-directory.sh"),
        include_str!("../scripts/newest-command.sh"),
        include_str!("../scripts/router-facts.sh")
    );
    let script = ZoneScript::new("router-facts", text);
    let script = script.with("ip", ip).within(LIMIT);
    let before = clock.now();
    let printed = deployment.zones().stdout(place, &script).await?;
    let after = clock.now();
    parse(&printed, before, after).map_err(|line| InventoryError::Router { zone: place.zone, line })
}

/// The line that makes no sense is the error.
fn parse(printed: &str, before: Timestamp, after: Timestamp) -> Result<RouterProbe, String> {
    let mut clock = None;
    let (mut config_agent, mut lock) = (String::new(), None);
    let mut instances: Vec<InstanceProbe> = Vec::new();
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let wrong = || line.chars().take(200).collect::<String>();
        match words.as_slice() {
            ["clock", zone] => {
                let zone = zone.parse().map_err(|_| wrong())?;
                clock = Some(ClockReading { zone, before, after });
            }
            ["agent", state @ ..] => config_agent = state.join(" "),
            ["lock", found @ ..] => {
                lock = Some(match found {
                    ["free"] => RingsLock::Free,
                    ["left"] => RingsLock::Left,
                    ["strange"] => RingsLock::Strange,
                    ["foreign"] => RingsLock::ForeignDirectory,
                    ["runs", plan, number] => RingsLock::Held {
                        plan: (*plan).to_owned(),
                        number: number.parse().map_err(|_| wrong())?,
                    },
                    _ => return Err(wrong()),
                });
            }
            ["instance", instance, state, port, status_port, ring, stamp, tables] => {
                let stamp = match *stamp {
                    "-" => Stamped::Not,
                    "?" => Stamped::Unreadable,
                    image => Stamped::Image(image.parse().map_err(|_| wrong())?),
                };
                instances.push(InstanceProbe {
                    instance: (*instance).to_owned(),
                    state: (*state).to_owned(),
                    port: port.parse().map_err(|_| wrong())?,
                    status_port: status_port.parse().map_err(|_| wrong())?,
                    ring: (*ring).to_owned(),
                    stamp,
                    tables: (*tables != "-").then(|| (*tables).to_owned()),
                    status: None,
                });
            }
            ["status", instance, ..] => {
                let status =
                    line.splitn(3, ' ').nth(2).and_then(|text| serde_json::from_str(text).ok());
                if let Some(of) = instances.iter_mut().find(|seen| seen.instance == *instance) {
                    of.status = status;
                }
            }
            // A login shell may greet.
            _ => tracing::debug!(line, "a router zone says something else"),
        }
    }
    instances.sort_by(|a, b| a.instance.cmp(&b.instance));
    let clock = clock.ok_or("nothing")?;
    let lock = lock.ok_or("nothing of its lock")?;
    Ok(RouterProbe { clock, config_agent, lock, instances })
}

/// The electric-moray zones with their instances, in the order given.
pub(super) async fn gather(
    deployment: &Deployment,
    zones: Vec<ZoneFacts>,
    clock: &dyn Clock,
) -> Result<Vec<RouterFacts>, InventoryError> {
    let looking = zones.into_iter().map(|zone| async move {
        let probe = probe_router(deployment, &zone.place, &zone.ip, clock).await?;
        let instances = probe.instances.into_iter().map(|seen| RouterInstance {
            instance: seen.instance,
            port: seen.port,
            status_port: seen.status_port,
            ring: seen.ring,
            stamp: seen.stamp.image(),
        });
        Ok::<_, InventoryError>(RouterFacts { zone, instances: instances.collect() })
    });
    let mut looking = futures_util::stream::iter(looking).buffered(AT_ONCE);
    let mut routers: Vec<RouterFacts> = Vec::new();
    while let Some(router) = looking.next().await {
        routers.push(router?);
    }
    Ok(routers)
}

impl RouterFacts {
    /// Its zone's UUID.
    pub fn uuid(&self) -> InstanceUuid {
        self.zone.place.zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_understood() {
        let now: Timestamp = "2024-05-06T07:08:09Z".parse().unwrap();
        let printed = "Welcome!\nclock 1714979290\nagent online\nlock runs p 7\n\
            instance electric-moray-2022 maintenance 2022 4022 /electric-moray/chash/leveldb-2022 ? -\n\
            instance electric-moray-2021 online 2021 4021 /electric-moray/chash/leveldb-2021 f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d 12:34\n\
            status electric-moray-2021 {\"pid\": 7, \"start_time\": \"2024-05-06T07:00:00.000Z\", \"client_list\": [\"tcp://1.moray:2020\"], \"index_shards\": [{\"host\":\"1.moray\",\"readOnly\":true}]}\n\
            status electric-moray-2022 \n";
        let probe = parse(printed, now, now).unwrap();
        assert_eq!(probe.clock.skew(), 0);
        assert_eq!(probe.config_agent, "online");
        assert_eq!(probe.lock, RingsLock::Held { plan: "p".to_owned(), number: 7 });
        let [first, second] = probe.instances.as_slice() else { panic!("{probe:?}") };
        assert_eq!((first.instance.as_str(), first.status_port), ("electric-moray-2021", 4021));
        assert_eq!(first.port, 2021);
        assert!(first.stamp.image().is_some());
        assert_eq!(first.tables.as_deref(), Some("12:34"));
        assert_eq!(second.stamp, Stamped::Unreadable);
        assert_eq!(second.state, "maintenance");
        assert_eq!(second.status, None);
        let status = first.status.clone().unwrap();
        assert_eq!(status.client_list, ["tcp://1.moray:2020"]);
        assert!(status.index_shards[0].read_only);
        assert_eq!(parse("clock x", now, now), Err("clock x".to_owned()));
        assert_eq!(parse("", now, now), Err("nothing".to_owned()));
        let line = "instance a online 2021 99999 /r - -";
        assert_eq!(parse(line, now, now), Err(line.to_owned()));
    }

    #[test]
    fn a_clock_is_off_only_by_what_cannot_be_the_way() {
        let before: Timestamp = "2024-05-06T07:08:10Z".parse().unwrap();
        let after: Timestamp = "2024-05-06T07:08:14Z".parse().unwrap();
        let skew =
            |offset| ClockReading { zone: before.as_second() + offset, before, after }.skew();
        assert_eq!([-5, -1, 0, 4, 5, 12].map(skew), [-4, 0, 0, 0, 0, 7]);
    }
}
