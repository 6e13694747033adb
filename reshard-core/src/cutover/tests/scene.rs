//! Two databases between which vnodes are cut over, with a real ZooKeeper, and clients that write through what follows the switch.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use manatee_client::{
    Coordination, Peer, PeerId, PgEndpoint, Servers, SessionOptions, Shard, Switch, SwitchStanding,
    singleton_state,
};
use test_servers::ZooKeeper;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::PlanUuid;
use crate::cutover::{Parties, moray_sessions};
use crate::guard::tests::fixture::{Shard as GuardedShard, keys, moving, vnode};
use crate::guard::tests::pair::{NUMBER, Pair};
use crate::guard::{ArmOptions, Identity, Lease, arm, close_target};

/// The addresses of the Morays of the moving name.
const MORAYS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3))];
const SWITCH: &str = "/manta_reshard/switch/3.moray.lab.example.net";
/// The longest that a request waits in a Moray.
const QUEUE: Duration = Duration::from_secs(5);

pub(super) struct Scene {
    pub(super) pair: Pair,
    pub(super) zookeeper: Servers,
    pub(super) switch: Switch,
    pub(super) source: Shard,
    pub(super) target: Shard,
    pub(super) morays: BTreeSet<IpAddr>,
    pub(super) lease: Lease,
    _server: ZooKeeper,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let server = ZooKeeper::start();
        let zookeeper: Servers = server.address().parse().unwrap();
        let session = zookeeper.open_session(&SessionOptions::default()).await.unwrap();
        let pair = armed_pair().await;
        let mut shards = Vec::new();
        for (number, side) in [(2, &pair.source), (3, &pair.target)] {
            let shard = format!("{number}.moray.lab.example.net").parse().unwrap();
            let shard = Shard::new(session.clone(), shard);
            let address = side.chain.addresses()[0];
            let peer = Peer::new("zone".into(), &address.ip().to_string(), address.port(), 1);
            let state = singleton_state(peer, jiff::Timestamp::UNIX_EPOCH).unwrap();
            shard.establish(&state).await.unwrap();
            shards.push(shard);
        }
        let [source, target] = shards.try_into().unwrap();
        let switch = Switch::new(session.clone(), SWITCH);
        switch.lead_to(&source.read_existing().await.unwrap().state).await.unwrap();
        let (lease, morays) = (pair.lease, MORAYS.into());
        Self { pair, zookeeper, switch, source, target, morays, lease, _server: server }
    }

    /// The parties, with the databases as they are now.
    pub(super) async fn parties(&self) -> Parties<'_> {
        let at_source = Identity::read(&self.pair.at_source, 1).await.unwrap();
        let at_target = Identity::read(&self.pair.at_target, 1).await.unwrap();
        Parties {
            zookeeper: &self.zookeeper,
            switch: &self.switch,
            source: &self.source,
            target: &self.target,
            morays: &self.morays,
            lease: self.lease,
            number: NUMBER,
            identities: [at_source, at_target],
        }
    }

    /// The same the other way round.
    pub(super) async fn back(&self) -> Parties<'_> {
        let Parties { source, target, identities: [at_source, at_target], .. } =
            self.parties().await;
        let identities = [at_target, at_source];
        Parties { source: target, target: source, identities, ..self.parties().await }
    }

    /// Takes over from an executor that is gone.
    pub(super) fn take_over(&mut self) {
        self.lease.epoch += 1;
    }

    /// Makes the source, from which the vnodes are gone, the target of the way back.
    pub(super) async fn prepare_the_way_back(&self) {
        let mut session = self.lease.take(self.pair.source.connect().await).await.unwrap();
        let options = ArmOptions::default();
        close_target(&mut session, NUMBER, &moving(), &[], &options).await.unwrap();
    }

    /// Waits until each Moray has a session at the source.
    pub(super) async fn wait_for_morays(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let at_source = &self.pair.at_source;
        while moray_sessions(at_source, &self.morays).await.unwrap().len() < MORAYS.len() {
            assert!(Instant::now() < deadline, "the Morays do not come to the source");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Has clients write through the Morays until [`Load::stop`].
    pub(super) fn load(&self, clients: u64) -> Load {
        let mut morays = Vec::new();
        for address in MORAYS {
            let (tell, leads_to) = watch::channel(None);
            morays.push((address, leads_to, tokio::spawn(follow(self.switch.clone(), tell))));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let longest = Arc::new(AtomicU64::new(0));
        let clients = (0..clients).map(|client| {
            let (address, leads_to, _) = &morays[usize::try_from(client).unwrap() % MORAYS.len()];
            let (stop, longest) = (stop.clone(), longest.clone());
            let writes = write(client, *address, leads_to.clone(), stop, longest);
            tokio::spawn(async move { writes.await.inspect_err(|error| println!("{error}")) })
        });
        let clients = clients.collect();
        let followers = morays.into_iter().map(|(_, _, follower)| follower).collect();
        Load { stop, longest, clients, followers }
    }
}

/// A source at which the move is armed, and a target at which it is closed.
async fn armed_pair() -> Pair {
    let (source, target) = (GuardedShard::start(1).await, GuardedShard::start(1).await);
    let lease = Lease { plan: PlanUuid::random(), epoch: 1 };
    let mut here = source.session(lease.plan, lease.epoch).await;
    let mut there = target.session(lease.plan, lease.epoch).await;
    let (set, options) = (moving(), ArmOptions::default());
    let armed = arm(&mut here, NUMBER, &set, 1, &options).await.unwrap();
    close_target(&mut there, NUMBER, &set, &armed.tables, &options).await.unwrap();
    let (at_source, at_target) = (source.connect().await, target.connect().await);
    Pair { source, target, lease, at_source, at_target }
}

/// Clients that write.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    /// The longest that a request took, in microseconds.
    longest: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Result<u64, String>>>,
    followers: Vec<JoinHandle<()>>,
}

impl Load {
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

/// Counts up a value until it is stopped, over a connection from a Moray's address. A request that finds the switch shut waits; one
/// that runs is let run.
async fn write(
    client: u64,
    from: IpAddr,
    mut leads_to: watch::Receiver<Option<PgEndpoint>>,
    stop: Arc<AtomicBool>,
    longest: Arc<AtomicU64>,
) -> Result<u64, String> {
    let (key, mut written) = (key_of(client), 0);
    let put = "INSERT INTO manta AS held (_key, _value, _etag, _vnode) VALUES ($1, '1', '', $2) \
               ON CONFLICT (_key) DO UPDATE SET _value = (held._value::bigint + 1)::text RETURNING _value::bigint";
    let vnode = vnode(&key);
    let mut connection: Option<(PgEndpoint, Client)> = None;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let now = loop {
            if let Some(now) = leads_to.borrow_and_update().clone() {
                break now;
            }
            connection = None;
            let queued =
                tokio::time::timeout(QUEUE.saturating_sub(began.elapsed()), leads_to.changed());
            if queued.await.is_err() {
                return Err(format!("{key} waited for {QUEUE:?}"));
            }
        };
        if connection.as_ref().is_none_or(|(to, _)| *to != now) {
            match connect(from, &now).await {
                // It may be led elsewhere by the time that it is connected.
                Ok(_) if leads_to.has_changed().unwrap_or(true) => continue,
                Ok(client) => connection = Some((now.clone(), client)),
                Err(error) => return Err(format!("{now}: {error}")),
            }
        }
        let Some((_, client)) = &connection else { continue };
        let counted: i64 = match client.query_one(put, &[&key, &vnode]).await {
            Ok(row) => row.try_get(0).map_err(|error| format!("{key}: {error}"))?,
            Err(error) => return Err(format!("{key} at {now}: {error:?}")),
        };
        written += 1;
        if u64::try_from(counted) != Ok(written) {
            return Err(format!("{key} was written {written} times, and says {counted}"));
        }
        longest.fetch_max(u64::try_from(began.elapsed().as_micros()).unwrap(), Ordering::Relaxed);
    }
    Ok(written)
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
