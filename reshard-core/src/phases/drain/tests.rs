//! The phase as it is, before servers in memory.

use std::sync::Arc;

use jiff::Timestamp;
use manatee_client::{
    ClusterView, Downstream, Lsn, PgEndpoint, PostgresError, RunningDump, ServerVersion, Shard,
    ShardError, Writability, ZoneId,
};

use super::*;
use crate::clock::{Clock, VirtualClock};
use crate::deployment::{Database, DatabaseError, ZonePlace};
use crate::executor::Outcome;
use crate::executor::tests::{deployment, runtime, zookeeper};
use crate::phase::Sequence;
use crate::phases::facts::{MORAY_PROCESSES, ZONE};
use crate::phases::fixture::Fixture;
use crate::phases::new_zones::{Kind, wanted};
use crate::plan::Layout;
use crate::region::{Databases, Holder, OpenTransaction, Transactions};
use crate::shards::{establish, first_state};
use crate::zones::MadeZone;

/// The primary's position once the transaction has ended.
const SPLIT: Lsn = Lsn::from_bytes(0x2C_5A00_01F8);

/// The servers of the source, at the time of a clock.
#[derive(Clone)]
struct Servers {
    clock: Arc<VirtualClock>,
    /// The time from which on the primary answers.
    answers: Duration,
    /// The time at which a transaction from before ends.
    ends: Duration,
    /// The time at which the new peers have replayed everything.
    replayed: Duration,
    /// All peers by their `pgUrl`, each of which streams.
    urls: Vec<String>,
}

impl Servers {
    fn is_after(&self, time: Duration) -> bool {
        self.clock.monotonic() >= time
    }
}

fn unasked() -> ! {
    panic!("the phase has no reason to ask that")
}

/// An error like that of a server to which nobody can connect.
fn silent(at: &PgEndpoint) -> DatabaseError {
    let source = "nonsense=".parse::<tokio_postgres::Config>().unwrap_err();
    DatabaseError { endpoint: Box::new(at.clone()), doing: "connect", source }
}

#[async_trait]
impl Databases for Servers {
    async fn version(&self, _: &PgEndpoint) -> Result<ServerVersion, PostgresError> {
        unasked()
    }

    async fn current_position(&self, at: &PgEndpoint) -> Result<Lsn, PostgresError> {
        assert_eq!(at.host, "10.0.0.1", "only the primary knows it");
        assert!(self.is_after(self.ends), "what the transaction has written is not in it");
        Ok(SPLIT)
    }

    async fn replay_position(&self, at: &PgEndpoint) -> Result<Option<Lsn>, PostgresError> {
        assert_ne!(at.host, "10.0.0.1", "a primary replays nothing");
        let behind = u64::from(!self.is_after(self.replayed));
        Ok(Some(Lsn::from_bytes(SPLIT.as_bytes() - behind)))
    }

    async fn downstreams(&self, _: &PgEndpoint) -> Result<Vec<Downstream>, PostgresError> {
        let streams = |url: &String| Downstream {
            application_name: url.clone(),
            client_addr: None,
            state: Some("streaming".to_owned()),
            sync_state: None,
            sent: None,
            write: None,
            flush: None,
            replay: None,
        };
        Ok(self.urls.iter().map(streams).collect())
    }

    async fn writability(&self, _: &PgEndpoint) -> Result<Writability, PostgresError> {
        unasked()
    }

    async fn running_dump(
        &self,
        _: &PgEndpoint,
        _: u16,
        _: Duration,
    ) -> Result<RunningDump, PostgresError> {
        unasked()
    }

    async fn view(&self, _: &Shard, _: Duration) -> Result<ClusterView, ShardError> {
        unasked()
    }

    async fn transactions(
        &self,
        at: &PgEndpoint,
        _: Duration,
    ) -> Result<Box<dyn Transactions>, DatabaseError> {
        assert_eq!(at.host, "10.0.0.1", "the primary's transactions are what counts");
        if !self.is_after(self.answers) {
            return Err(silent(at));
        }
        Ok(Box::new(self.clone()))
    }

    async fn checkpoint(&self, _: &PgEndpoint, _: Duration) -> Result<(), DatabaseError> {
        unasked()
    }

    async fn connect(&self, _: &PgEndpoint, _: Duration) -> Result<Database, DatabaseError> {
        unasked()
    }
}

#[async_trait]
impl Transactions for Servers {
    async fn server_time(&self, ago: Duration) -> Result<String, DatabaseError> {
        assert_eq!(ago, Duration::ZERO);
        Ok("now".to_owned())
    }

    async fn open_before(&self, time: &str) -> Result<Vec<OpenTransaction>, DatabaseError> {
        assert_eq!(time, "now");
        if self.is_after(self.ends) {
            return Ok(Vec::new());
        }
        let holder = Holder::Prepared { gid: "job-7".to_owned(), owner: "moray".to_owned() };
        Ok(vec![OpenTransaction { holder, seconds: 9 }])
    }

    async fn snapshot(&self) -> Result<String, DatabaseError> {
        Ok("10:10:".to_owned())
    }
}

/// A peer at this address. Three are of the source, the others are new.
fn peer(number: usize, zone: &str) -> Peer {
    Peer::new(ZoneId::from(zone), &format!("10.0.0.{number}"), 5432, 12345)
}

/// Drains with a primary that answers after so many seconds, a transaction that ends then, and peers that have replayed then.
async fn drain(answers: u64, ends: u64, replayed: u64) -> (Outcome, Fixture) {
    let mut fixture = Fixture::new(deployment(&zookeeper()).await);
    let plan = fixture.plan().await;
    let mut chain: Vec<Peer> = (1..=3).map(|it| peer(it, &format!("old-zone-{it}"))).collect();
    for one in wanted(&plan, Kind::Peer) {
        let zone = plan.instance_uuid(&one.zone.role, 0);
        let new = peer(chain.len() + 1, &zone.to_string());
        let (server, datacenter) = (one.zone.server, one.zone.datacenter.clone());
        let place = ZonePlace { zone, server, datacenter };
        let made = MadeZone { place, address: new.ip.clone() };
        fixture.put(&ZONE.of([&one.zone.role, &0]), &made).await;
        chain.push(new);
    }
    fixture.put(&MORAY_PROCESSES, &Vec::new()).await;

    let servers = Servers {
        clock: fixture.clock.clone(),
        answers: Duration::from_secs(answers),
        ends: Duration::from_secs(ends),
        replayed: Duration::from_secs(replayed),
        urls: chain.iter().map(|peer| peer.pg_url.clone()).collect(),
    };
    fixture.region = fixture.region.with_databases(Arc::new(servers));
    let (layout, now) = (Layout::ThreePeers, fixture.clock.now());
    let state = first_state(layout, chain, Lsn::ZERO, plan.uuid, now).unwrap();
    establish(&fixture.region.shard(plan.source().clone()), &state).await.unwrap();

    let sequence = Sequence::open([Arc::new(Drain) as Arc<dyn Phase>]).end().unwrap();
    let outcome = fixture.executor(sequence).run().await.unwrap();
    (outcome, fixture)
}

#[test]
fn the_split_point_is_after_the_last_transaction_and_replayed_by_all() {
    runtime().block_on(async {
        let (outcome, fixture) = drain(2, 9, 70).await;
        assert_eq!(outcome, Outcome::Done);
        let point = fixture.get(&SPLIT_POINT).await.unwrap();
        assert_eq!((point.lsn, point.snapshot.as_str()), (SPLIT, "10:10:"));
        let at = Duration::try_from(point.at.duration_since(Timestamp::UNIX_EPOCH)).unwrap();
        // Each is looked at twice in a second.
        assert_eq!((at.as_secs(), fixture.clock.monotonic().as_secs()), (9, 70));
    });
}

#[test]
fn what_does_not_come_is_a_hold_that_names_it() {
    let held = |answers, ends, replayed| {
        runtime().block_on(async {
            let (outcome, fixture) = drain(answers, ends, replayed).await;
            assert_eq!(fixture.get(&SPLIT_POINT).await, None, "nothing was found");
            let Outcome::Held { phase, what, remedy } = outcome else { panic!("{outcome:?}") };
            assert_eq!(phase, "drain");
            (what, remedy.to_string(), fixture.clock.monotonic().as_secs())
        })
    };
    let never = 100_000;
    let (what, remedy, took) = held(never, 0, 0);
    assert!(what.contains("primary of 2.moray.lab.example.net"), "{what}");
    assert!(remedy.contains("primary") && took >= 10, "{remedy} after {took} s");
    let (what, remedy, took) = held(0, never, 0);
    assert!(what.contains("transactions from before the write block to end"), "{what}");
    assert!(remedy.contains("ROLLBACK PREPARED 'job-7'") && took >= 30, "{remedy}");
    let (what, _, took) = held(0, 0, never);
    assert!(what.contains("the new peers to replay") && took >= 120, "{what}");
}
