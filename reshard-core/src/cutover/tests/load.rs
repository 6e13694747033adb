//! Clients that write through what follows the switch, as through Morays, and read back what they wrote.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use manatee_client::{PeerId, PgEndpoint, Switch, SwitchStanding};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use super::scene::{MORAYS, Scene};
use crate::guard::tests::fixture::{keys, vnode};

/// The longest that a request waits in a Moray.
const QUEUE: Duration = Duration::from_secs(5);
/// The pause of a patient client between two writes: so few are replayed while others are made, also on a busy machine.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients that write.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    /// The longest that a request took, in microseconds.
    longest: Arc<AtomicU64>,
    /// The number of writes that the guard has refused.
    refused: Arc<AtomicU64>,
    /// The number of writes of each client that were acknowledged.
    acknowledged: Arc<[AtomicU64]>,
    clients: Vec<JoinHandle<Result<u64, String>>>,
    followers: Vec<JoinHandle<()>>,
}

impl Scene {
    /// Has clients write through the Morays until [`Load::stop`].
    pub(super) fn load(&self, clients: u64) -> Load {
        self.load_of(clients, false)
    }

    /// The same, by clients who try again what is refused, and after a connection was lost.
    pub(super) fn patient_load(&self, clients: u64) -> Load {
        self.load_of(clients, true)
    }

    fn load_of(&self, clients: u64, is_patient: bool) -> Load {
        let mut morays = Vec::new();
        for address in MORAYS {
            let (tell, leads_to) = watch::channel(None);
            morays.push((address, leads_to, tokio::spawn(follow(self.switch.clone(), tell))));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (longest, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let acknowledged: Arc<[AtomicU64]> = (0..clients).map(|_| AtomicU64::new(0)).collect();
        let clients = (0..clients).map(|client| {
            let number = usize::try_from(client).unwrap();
            let (from, leads_to, _) = &morays[number % MORAYS.len()];
            let (from, key) = (*from, key_of(client));
            let (stop, longest, refused) = (stop.clone(), longest.clone(), refused.clone());
            let acknowledged = acknowledged.clone();
            let client =
                Writer { key, from, is_patient, stop, longest, refused, acknowledged, number };
            let writes = client.write(leads_to.clone());
            tokio::spawn(async move { writes.await.inspect_err(|error| println!("{error}")) })
        });
        let clients = clients.collect();
        let followers = morays.into_iter().map(|(_, _, follower)| follower).collect();
        Load { stop, longest, refused, acknowledged, clients, followers }
    }
}

impl Load {
    /// The number of writes that were refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until each client was acknowledged another write: whatever it was answered before is counted by then.
    pub(super) async fn each_writes_again(&self) {
        let counts = || self.acknowledged.iter().map(|count| count.load(Ordering::Relaxed));
        let before: Vec<u64> = counts().collect();
        let again = async {
            while counts().zip(&before).any(|(now, before)| now <= *before) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), again).await.unwrap();
    }

    /// Ends it. The number of writes of each client's key that were acknowledged, or the first failure; and the longest request.
    pub(super) async fn stop(self) -> (Vec<Result<u64, String>>, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let mut ended = Vec::new();
        for client in self.clients {
            ended.push(client.await.unwrap());
        }
        for follower in self.followers {
            follower.abort();
        }
        (ended, Duration::from_micros(self.longest.load(Ordering::Relaxed)))
    }
}

/// The key of a client.
pub(super) fn key_of(client: u64) -> String {
    let client = usize::try_from(client).unwrap();
    keys(true).nth(client).unwrap()
}

/// Follows a switch as a Moray does.
async fn follow(switch: Switch, tell: watch::Sender<Option<PgEndpoint>>) {
    loop {
        let leads_to = match switch.look().await {
            Ok(SwitchStanding::Leads(primary)) => primary.endpoint().ok(),
            Ok(SwitchStanding::Fallback(id)) => in_election(&id),
            Ok(SwitchStanding::Shut { .. } | SwitchStanding::Absent) | Err(_) => None,
        };
        tell.send_if_modified(|now| std::mem::replace(now, leads_to.clone()) != leads_to);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The endpoint that a name in the election says.
fn in_election(id: &PeerId) -> Option<PgEndpoint> {
    let (address, _) = id.as_str().rsplit_once(':')?;
    format!("tcp://postgres@{address}/postgres").parse().ok()
}

/// A client that counts up the value of its key, which nobody else writes.
struct Writer {
    key: String,
    from: IpAddr,
    /// True if it tries again what is refused, and after a connection was lost.
    is_patient: bool,
    stop: Arc<AtomicBool>,
    longest: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    acknowledged: Arc<[AtomicU64]>,
    number: usize,
}

/// The outcome of a request that was not answered.
enum Failure {
    /// The guard refuses: it was not done.
    Refused(String),
    /// Nobody knows.
    Unknown(String),
}

impl Writer {
    /// Counts up until it is stopped, and reads each time. A request that finds the switch shut waits; one that runs is let run.
    async fn write(self, mut leads_to: watch::Receiver<Option<PgEndpoint>>) -> Result<u64, String> {
        let mut connection: Option<(PgEndpoint, Client)> = None;
        // The writes that were acknowledged, and those of which nobody knows whether they were done.
        let (mut written, mut unknown) = (0, 0);
        while !self.stop.load(Ordering::Relaxed) {
            if self.is_patient {
                tokio::time::sleep(PAUSE).await;
            }
            let began = Instant::now();
            let Some(now) = self.wait_for_switch(&mut leads_to, &mut connection, began).await?
            else {
                continue;
            };
            if connection.as_ref().is_none_or(|(to, _)| *to != now) {
                match connect(self.from, &now).await {
                    // It may be led elsewhere by the time that it is connected.
                    Ok(_) if leads_to.has_changed().unwrap_or(true) => continue,
                    Ok(client) => connection = Some((now.clone(), client)),
                    Err(_) if self.is_patient => continue,
                    Err(error) => return Err(format!("{now}: {error}")),
                }
            }
            let Some((_, client)) = &connection else { continue };
            let failure = match self.count_up(client).await {
                Ok(counted) => {
                    self.check(counted, written + 1, unknown)?;
                    (written, unknown) = (counted, 0);
                    self.acknowledged[self.number].fetch_add(1, Ordering::Relaxed);
                    self.took(began);
                    None
                }
                Err(failure) => Some(failure),
            };
            match failure {
                None => {}
                Some(Failure::Refused(_)) if self.is_patient => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                Some(Failure::Unknown(_)) if self.is_patient => {
                    unknown += 1;
                    connection = None;
                    continue;
                }
                Some(Failure::Refused(error) | Failure::Unknown(error)) => {
                    return Err(format!("{} at {now}: {error}", self.key));
                }
            }
            // Reads are never refused, and never stale.
            match self.read(client).await {
                Ok(counted) => self.check(counted, written, unknown)?,
                Err(_) if self.is_patient && client.is_closed() => connection = None,
                Err(error) => return Err(format!("{} read at {now}: {error}", self.key)),
            }
        }
        Ok(written)
    }

    /// The place that the switch leads to, as soon as it leads somewhere; `None` to begin anew.
    async fn wait_for_switch(
        &self,
        leads_to: &mut watch::Receiver<Option<PgEndpoint>>,
        connection: &mut Option<(PgEndpoint, Client)>,
        began: Instant,
    ) -> Result<Option<PgEndpoint>, String> {
        loop {
            if let Some(now) = leads_to.borrow_and_update().clone() {
                return Ok(Some(now));
            }
            *connection = None;
            let left = QUEUE.saturating_sub(began.elapsed());
            if tokio::time::timeout(left, leads_to.changed()).await.is_err() {
                let waited = format!("{} waited for {QUEUE:?}", self.key);
                return if self.is_patient { Ok(None) } else { Err(waited) };
            }
        }
    }

    async fn count_up(&self, client: &Client) -> Result<u64, Failure> {
        let put = "INSERT INTO manta AS held (_key, _value, _etag, _vnode) VALUES ($1, '1', '', $2) \
                   ON CONFLICT (_key) DO UPDATE SET _value = (held._value::bigint + 1)::text RETURNING _value::bigint";
        let row = client.query_one(put, &[&self.key, &vnode(&self.key)]).await;
        let row = row.map_err(|error| match error.as_db_error() {
            Some(told) if told.message().starts_with("RS001") => {
                Failure::Refused(told.message().to_owned())
            }
            _ => Failure::Unknown(format!("{error:?}")),
        })?;
        let counted: i64 = row.try_get(0).map_err(|error| Failure::Unknown(error.to_string()))?;
        Ok(u64::try_from(counted).unwrap())
    }

    async fn read(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        let sql = "SELECT coalesce((SELECT _value::bigint FROM manta WHERE _key = $1), 0)";
        let counted: i64 = client.query_one(sql, &[&self.key]).await?.try_get(0)?;
        Ok(u64::try_from(counted).unwrap())
    }

    fn check(&self, counted: u64, least: u64, unknown: u64) -> Result<(), String> {
        if (least..=least + unknown).contains(&counted) {
            return Ok(());
        }
        let key = &self.key;
        Err(format!("{key} says {counted}, and not {least}, or up to {unknown} more"))
    }

    fn took(&self, began: Instant) {
        let took = u64::try_from(began.elapsed().as_micros()).unwrap();
        self.longest.fetch_max(took, Ordering::Relaxed);
    }
}

async fn connect(from: IpAddr, to: &PgEndpoint) -> Result<Client, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let socket = TcpSocket::new_v4().map_err(|error| told(&error))?;
    socket.bind(SocketAddr::new(from, 0)).map_err(|error| told(&error))?;
    let address = SocketAddr::new(to.host.parse().map_err(|error| told(&error))?, to.port);
    let stream = socket.connect(address).await.map_err(|error| told(&error))?;
    let mut config = tokio_postgres::Config::new();
    config.user("moray").dbname("moray");
    let connected = config.connect_raw(stream, NoTls).await;
    let (client, connection) = connected.map_err(|error| told(&error))?;
    tokio::spawn(connection);
    Ok(client)
}
