//! `rebuild`: throws this peer's database away, and has it copied from the primary again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::control::{Api, Control};
use super::super::options::usage;
use super::super::session::{Ending, Failure};
use super::load::members;
use super::state::{Role, State};
use super::store::WriteFailure;
use super::views::election;
use super::writes::{now, remove_deposed};
use super::{Call, Store};
use crate::messages::{SmfAction, SmfRequest};

/// The interval at which things are looked at that have to become true.
const INTERVAL: Duration = Duration::from_millis(250);
/// The longest that the peer may take until it replicates again, unless `-t` says otherwise.
const PATIENCE: Duration = Duration::from_mins(5);
/// The timeout of the sitter's session if its configuration does not tell, in milliseconds.
const SESSION_TIMEOUT: u64 = 60_000;
/// The sitter's service.
const SITTER: &str = "manatee-sitter";

/// The peer of this zone, by its sitter's configuration.
struct Own {
    zone: String,
    shard: String,
    data: PathBuf,
    /// The sitter's status server.
    status: Api,
    session_timeout: Duration,
}

pub(super) async fn run(call: &Call<'_>) -> Ending {
    let patience = match call.options.value('t').map(str::parse) {
        None => PATIENCE,
        Some(Ok(seconds)) => Duration::from_secs(seconds),
        Some(Err(_)) => return usage("option -t takes seconds"),
    };
    let own = Own::new(&call.config)?;
    let store = call.connect().await?;
    let none = || Failure::new(format!("No state exists for shard {}", own.shard));
    let (state, version) = store.state(&own.shard).await?.ok_or_else(none)?;
    let deposed = may_be_rebuilt(&state, &own.zone)?;
    if !deposed && is_active(&store, &own).await? {
        let seconds = own.session_timeout.as_secs_f64();
        return Err(Failure::new(format!(
            "There is an active ZK node for this host.  Please disable the sitter and let the ZK node timeout (may \
             take up to {seconds} seconds)."
        )));
    }
    call.confirm(question(deposed))?;

    let control = call.session.control()?;
    let say = |what: &str| call.session.complain(format!("{what}\n"));
    say("Disabling manatee-sitter SMF service to ensure that Manatee is not running.");
    svcadm(call, &control, SmfAction::Disable).await?;
    let limit = own.session_timeout.mul_f64(1.5);
    say(&format!(
        "Waiting up to {} seconds for this Manatee instance's ZooKeeper session to expire",
        limit.as_secs_f64()
    ));
    wait_until_inactive(&store, &own, limit).await?;
    let cannot = |error| Failure::because(format!("cannot remove {}", own.data.display()), &error);
    if deposed {
        say(&format!("removing {}", own.data.display()));
        remove(&own.data).map_err(cannot)?;
        undepose(&store, &own, state, version).await?;
    } else if let Some(path) = isolate(&own.data).map_err(cannot)? {
        say(&format!("moved {} to {}", own.data.display(), path.display()));
    }
    say("enabling sitter");
    svcadm(call, &control, SmfAction::Enable).await?;
    wait_until_online(call, &store, &own, patience).await?;
    say("This peer is online again.");
    Ok(0)
}

impl Own {
    fn new(config: &Value) -> Result<Self, Failure> {
        let missing =
            |name: &str| Failure::new(format!("the sitter's configuration has no {name}: see -c"));
        let text = |name: &str| {
            config.get(name).and_then(Value::as_str).map(ToOwned::to_owned).ok_or(missing(name))
        };
        let number = |pointer| config.pointer(pointer).and_then(Value::as_u64);
        let (ip, path) = (text("ip")?, text("shardPath")?);
        let timeout = number("/zookeeper/sessionTimeoutMs");
        let timeout = timeout.or_else(|| number("/zkCfg/opts/sessionTimeout"));
        let port = number("/postgresPort").unwrap_or(5432) + 1;
        Ok(Self {
            zone: text("zoneId")?,
            shard: path.rsplit('/').next().unwrap_or_default().to_owned(),
            data: text("dataDir").map_or_else(|_| PathBuf::from("/manatee/pg/data"), PathBuf::from),
            status: Api::new(&format!("http://{ip}:{port}")),
            session_timeout: Duration::from_millis(timeout.unwrap_or(SESSION_TIMEOUT)),
        })
    }
}

/// Tells whether the zone is a deposed peer. `Err`: it is the primary.
fn may_be_rebuilt(state: &Value, zone: &str) -> Result<bool, Failure> {
    let is_it = |peer: &Value| peer.get("zoneId").and_then(Value::as_str) == Some(zone);
    match state.get("primary").filter(|primary| primary.is_object()) {
        None => return Err(Failure::new("no primary")),
        Some(primary) if is_it(primary) => {
            return Err(Failure::new("This node is the primary.  Will not rebuild."));
        }
        Some(_) => {}
    }
    let deposed = state.get("deposed").and_then(Value::as_array);
    Ok(deposed.is_some_and(|deposed| deposed.iter().any(is_it)))
}

const fn question(deposed: bool) -> &'static str {
    if deposed {
        "This peer is a deposed primary: its database may have what no other peer has. This removes all local data, and \
         lets the peer join the cluster again. Go on?"
    } else {
        "This takes this peer's database away and copies it from another peer of the cluster. Go on?"
    }
}

async fn svcadm(call: &Call<'_>, control: &Control, action: SmfAction) -> Result<(), Failure> {
    let request = SmfRequest { action, instance: SITTER.to_owned(), wait: true };
    let answer = control.smf(call.session.zone()?, &request).await?;
    answer.map(drop).map_err(|message| Failure::new(format!("svcadm: {message}")))
}

/// Tells whether the zone has a part in the election.
async fn is_active(store: &Store, own: &Own) -> Result<bool, Failure> {
    let children = election(store, &own.shard).await?;
    let mut zones = children.iter().map(|(_, data)| data.get("zoneId").and_then(Value::as_str));
    Ok(zones.any(|zone| zone == Some(&*own.zone)))
}

async fn wait_until_inactive(store: &Store, own: &Own, limit: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + limit;
    while is_active(store, own).await? {
        if Instant::now() >= deadline {
            return Err(Failure::new(format!(
                "This Manatee instance has a ZooKeeper session even after {} seconds.  Aborting operation.",
                limit.as_secs_f64()
            )));
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Ok(())
}

fn remove(data: &Path) -> io::Result<()> {
    match fs::remove_dir_all(data) {
        // An earlier attempt may have got so far.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Moves a database away, and tells where to. `None`: there is none.
fn isolate(data: &Path) -> io::Result<Option<PathBuf>> {
    if !data.exists() {
        return Ok(None);
    }
    let isolated = data.parent().unwrap_or(data).join("isolated");
    fs::create_dir_all(&isolated)?;
    let path = isolated.join(format!("rebuild-{}", now(0)));
    fs::rename(data, &path)?;
    Ok(Some(path))
}

/// Takes the peer out of the deposed of the state that was read at the beginning. If the state has changed since, this is
/// refused, with the data gone already; the command can be given again then.
async fn undepose(store: &Store, own: &Own, mut state: Value, version: i32) -> Result<(), Failure> {
    let fields = state.as_object_mut().ok_or_else(|| Failure::new("the state is not an object"))?;
    remove_deposed(fields, "zoneId", &own.zone)?;
    store.update(&own.shard, &state, version).await.map_err(|failure| match failure {
        WriteFailure::NoNode => Failure::new(format!("No state exists for shard {}", own.shard)),
        WriteFailure::Other(message) => Failure::new(message),
    })
}

/// Waits until the peer's PostgreSQL runs, and the peer has a place in the chain of replication.
async fn wait_until_online(
    call: &Call<'_>,
    store: &Store,
    own: &Own,
    patience: Duration,
) -> Result<(), Failure> {
    call.session.complain("Waiting for the database to be restored\n");
    let deadline = Instant::now() + patience;
    let mut shown = None;
    loop {
        let progress = progress(&own.status).await;
        if progress.is_some() && progress != shown {
            call.session.complain(format!("{}\n", progress.as_deref().unwrap_or_default()));
            shown = progress;
        }
        if is_online(store, own).await? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(format!(
                "this peer does not replicate after {} seconds: see the sitter's log",
                patience.as_secs()
            )));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The sitter's words about the restore. `None`: nothing yet.
async fn progress(status: &Api) -> Option<String> {
    let answer: Value = status.get("/restore").await.ok()?;
    let job = answer.get("restore").filter(|job| job.is_object())?;
    let text = |name: &str| job.get(name).and_then(Value::as_str);
    let (completed, size) = (text("completed").unwrap_or("0"), text("size")?);
    Some(format!("restored {completed} of {size} bytes"))
}

/// Tells whether the peer replicates. As the real tool does, this looks at all shards, and fails if one has no state.
async fn is_online(store: &Store, own: &Own) -> Result<bool, Failure> {
    let mut online = false;
    for shard in store.children("/manatee").await?.unwrap_or_default() {
        let none = || Failure::new(format!("No state exists for shard {shard}"));
        let (state, _) = store.state(&shard).await?.ok_or_else(none)?;
        if shard != own.shard {
            continue;
        }
        // One that cannot be used is on its way to another.
        let Ok(state) = State::parse(&state) else { continue };
        online = members(&state, true).await.iter().any(|member| {
            member.peer.zone_id == own.zone
                && member.role != Role::Deposed
                && member.report.error.is_none()
        });
    }
    Ok(online)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_primary_is_not_rebuilt() {
        let state = json!({"primary": {"zoneId": "a"}, "sync": {"zoneId": "b"}, "async": [],
            "deposed": [{"zoneId": "c"}]});
        assert_eq!(
            may_be_rebuilt(&state, "a"),
            Err(Failure::new("This node is the primary.  Will not rebuild."))
        );
        assert_eq!(may_be_rebuilt(&state, "b"), Ok(false));
        assert_eq!(may_be_rebuilt(&state, "c"), Ok(true));
        assert_eq!(may_be_rebuilt(&json!({"primary": null}), "c"), Err(Failure::new("no primary")));
    }

    #[test]
    fn a_database_is_moved_away_or_removed() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        assert_eq!(isolate(&data).unwrap(), None);
        remove(&data).unwrap();
        fs::create_dir(&data).unwrap();
        fs::write(data.join("PG_VERSION"), "15").unwrap();
        let path = isolate(&data).unwrap().unwrap();
        assert!(!data.exists() && path.join("PG_VERSION").exists());
        assert!(path.starts_with(directory.path().join("isolated")), "{}", path.display());
        fs::create_dir(&data).unwrap();
        remove(&data).unwrap();
        assert!(!data.exists());
    }

    #[test]
    fn the_peer_is_found_in_its_sitters_configuration() {
        let config = json!({"shardPath": "/manatee/1.moray.lab.example.net", "ip": "127.77.0.40",
            "postgresPort": 5432, "zoneId": "z", "zookeeper": {"sessionTimeoutMs": 3000}});
        let own = Own::new(&config).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!((&*own.shard, &*own.zone), ("1.moray.lab.example.net", "z"));
        assert_eq!(own.status.base(), "http://127.77.0.40:5433");
        assert_eq!(own.data, Path::new("/manatee/pg/data"));
        assert_eq!(own.session_timeout, Duration::from_secs(3));
        assert!(Own::new(&Value::Null).is_err());
    }
}
