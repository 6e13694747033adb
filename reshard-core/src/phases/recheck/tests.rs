//! The phase before a chain in memory.

use std::sync::Arc;

use manatee_client::{Lsn, Peer, ZoneId};

use super::*;
use crate::clock::Clock;
use crate::deployment::ZonePlace;
use crate::executor::Outcome;
use crate::executor::tests::{deployment, runtime, zookeeper};
use crate::phase::Sequence;
use crate::phase::facts::WRITE_BLOCKS;
use crate::phases::facts::ZONE;
use crate::phases::fixture::Fixture;
use crate::phases::new_zones::{Kind, wanted};
use crate::phases::{BlockWrites, HandOverReads, InstallRing, PublishRing};
use crate::plan::Layout;
use crate::shards::{establish, first_state};
use crate::zones::MadeZone;

fn peer(number: usize, zone: &str) -> Peer {
    Peer::new(ZoneId::from(zone), &format!("10.0.0.{number}"), 5432, 12345)
}

#[test]
fn a_peer_behind_a_new_one_is_found_before_writes_are_refused() {
    runtime().block_on(async {
        let fixture = Fixture::new(deployment(&zookeeper()).await);
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
        // A peer of the source was away, and has come back at the end.
        let returned = chain.remove(2);
        chain.push(returned);
        let (layout, now) = (Layout::ThreePeers, fixture.clock.now());
        let state = first_state(layout, chain, Lsn::ZERO, plan.uuid, now).unwrap();
        establish(&fixture.region.shard(plan.source().clone()), &state).await.unwrap();

        let blocked: [Arc<dyn Phase>; 2] = [Arc::new(BlockWrites), Arc::new(HandOverReads)];
        let sequence = Sequence::open([Arc::new(Recheck) as Arc<dyn Phase>]).blocked(blocked);
        let sequence = sequence.pivot(Arc::new(PublishRing)).last(Arc::new(InstallRing));
        let ended = fixture.executor(sequence.open([]).unwrap()).run().await.unwrap();
        let Outcome::Held { phase, what, remedy } = ended else { panic!("{ended:?}") };
        assert_eq!(phase, "recheck");
        assert_eq!(what, "the peer old-zone-3, which is not new, is behind a new one in the chain");
        assert!(remedy.to_string().contains("disable the sitters of the new peers"), "{remedy}");
        assert_eq!(fixture.get(&WRITE_BLOCKS).await, None, "writes were never refused");
    });
}
