//! The processes of a shard's Moray zones, and the requests that each is at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sapi_client::InstanceUuid;
use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, MonitorError, ZoneCommandError, ZonePlace, ZoneScript};
use crate::region::get_json;

/// The largest answer that is read: it has the arguments of every request, which are whole objects.
const MAX_BYTES: usize = 32 << 20;
/// The longest that looking into a zone may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Methods that write nothing. Any other counts as a write.
const READS: [&str; 8] = [
    "getObject",
    "findObjects",
    "getBucket",
    "listBuckets",
    "getTokens",
    "ping",
    "version",
    "unlisten",
];

/// The longest that a request waits in Moray before its transaction begins, and a second for its way there. Moray's pool of
/// sessions gives up on a request after ten times `targetClaimDelay`, which is 500 ms.
pub(crate) const LONGEST_CLAIM: Duration = Duration::from_secs(6);

/// A process of Moray.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MorayProcess {
    /// Its zone.
    pub zone: InstanceUuid,
    /// Its SMF instance, such as `moray-2021`.
    pub instance: String,
    /// The address at which it tells which requests it is at; `None` for a Moray that is too old for that.
    pub kang: Option<String>,
}

impl std::fmt::Display for MorayProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.instance, self.zone)
    }
}

/// The processes of a Moray zone could not be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MorayZoneError {
    /// The zone cannot be looked into.
    #[error(transparent)]
    Zone(#[from] ZoneCommandError),
    /// The zone's answer is not understood.
    #[error("the zone {zone} tells of its Moray processes what is not understood: {line:?}")]
    UnexpectedOutput {
        /// The zone.
        zone: InstanceUuid,
        /// The line of its answer.
        line: String,
    },
}

/// The running processes of a Moray zone that has this address.
///
/// # Errors
///
/// [`MorayZoneError`]
pub async fn moray_processes(
    deployment: &Deployment,
    place: &ZonePlace,
    ip: &str,
) -> Result<Vec<MorayProcess>, MorayZoneError> {
    let script = ZoneScript::new("moray-facts", include_str!("../scripts/moray-facts.sh"));
    let printed = deployment.zones().stdout(place, &script.within(LIMIT)).await?;
    let zone = place.zone;
    parse(&printed, zone, ip).map_err(|line| MorayZoneError::UnexpectedOutput { zone, line })
}

/// The line that makes no sense is the error.
fn parse(printed: &str, zone: InstanceUuid, ip: &str) -> Result<Vec<MorayProcess>, String> {
    let mut processes = Vec::new();
    // A login shell may greet.
    for line in printed.lines().filter(|line| line.starts_with("moray ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let wrong = || line.chars().take(200).collect::<String>();
        let ["moray", instance, state, port] = words.as_slice() else { return Err(wrong()) };
        if *state == "disabled" {
            continue;
        }
        let kang = match *port {
            "-" => None,
            port => {
                let port: u16 = port.parse().map_err(|_| wrong())?;
                Some(format!("http://{ip}:{port}/kang/snapshot"))
            }
        };
        processes.push(MorayProcess { zone, instance: (*instance).to_owned(), kang });
    }
    Ok(processes)
}

/// The writes that a process of Moray is at: waiting for a session with the primary, or in a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingWrites {
    /// The process: another one knows nothing of an older one's requests.
    pub process: String,
    /// The requests.
    pub requests: BTreeSet<String>,
}

/// Moray's snapshot as node-kang makes it, of the requests that node-fast knows of: also those whose client is gone.
#[derive(Deserialize)]
struct Snapshot {
    service: Service,
    fastrequest: BTreeMap<String, FastRequest>,
}

#[derive(Deserialize)]
struct Service {
    ident: String,
}

#[derive(Deserialize)]
struct FastRequest {
    #[serde(default)]
    rpcmethod: Option<String>,
}

/// Asks a process of Moray, at the URL of its kang, which writes it is at.
///
/// # Errors
///
/// [`MonitorError`]
pub async fn pending_writes(
    deployment: &Deployment,
    kang: &str,
) -> Result<PendingWrites, MonitorError> {
    let snapshot: Snapshot = get_json(deployment.http(), kang, MAX_BYTES).await?;
    Ok(writes_of(snapshot))
}

fn writes_of(snapshot: Snapshot) -> PendingWrites {
    let reads = |request: &FastRequest| {
        request.rpcmethod.as_deref().is_some_and(|method| READS.contains(&method))
    };
    let writes = snapshot.fastrequest.into_iter().filter(|(_, request)| !reads(request));
    PendingWrites { process: snapshot.service.ident, requests: writes.map(|(id, _)| id).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_tells_the_writes() {
        // In the form that node-kang 1.2.0 and node-fast 3.1 give it.
        let snapshot = r#"{"service": {"name": "moray", "ident": "z/17", "version": "1.0.0"},
            "stats": {"nRequestsStarted": 9, "started": "2026-01-01T00:00:00.000Z"},
            "types": ["fastconnection", "fastrequest"], "fastconnection": {"1": {"connid": "1"}},
            "fastrequest": {
                "1/5": {"connid": "1", "msgid": "5", "rpcmethod": "putObject", "rpcargs": ["manta", "k", {}, {}],
                        "state": "RUNNING", "error": null, "blackholed": true, "timeStarted": "2026-01-01T00:00:00.000Z"},
                "1/6": {"rpcmethod": "getObject"}, "2/1": {"rpcmethod": "batch"}, "2/2": {"rpcmethod": null}}}"#;
        let writes = writes_of(serde_json::from_str(snapshot).unwrap());
        assert_eq!(writes.process, "z/17");
        assert_eq!(writes.requests.iter().collect::<Vec<_>>(), ["1/5", "2/1", "2/2"]);
        // A process that says nothing of requests has not said that there are none.
        let silent = r#"{"service": {"ident": "z/17"}, "types": []}"#;
        assert!(serde_json::from_str::<Snapshot>(silent).is_err());
    }

    #[test]
    fn the_processes_of_a_zone_are_understood() {
        let zone: InstanceUuid = uuid::Uuid::from_u128(7).into();
        let printed = "Welcome!\nmoray moray-2021 online 3021\nmoray moray-2022 disabled -\n\
                       moray moray-2023 maintenance -\n";
        let processes = parse(printed, zone, "10.0.0.7").unwrap();
        let kangs: Vec<_> = processes.iter().map(|process| process.kang.as_deref()).collect();
        assert_eq!(kangs, [Some("http://10.0.0.7:3021/kang/snapshot"), None]);
        assert_eq!(processes[1].to_string(), format!("moray-2023 in {zone}"));
        for line in ["moray moray-2021 online", "moray moray-2021 online 99999"] {
            assert_eq!(parse(line, zone, "10.0.0.7"), Err(line.to_owned()));
        }
    }
}
