//! The phase while another plan has the ring.

use std::sync::Arc;

use jiff::Timestamp;
use manatee_client::{Lock, Takeover};

use super::*;
use crate::epoch::{Epoch, NOTE, PLAN_LOCKS};
use crate::executor::Outcome;
use crate::executor::tests::{deployment, runtime, zookeeper};
use crate::journal::{Controls, PlanState};
use crate::phase::Sequence;
use crate::phases::fixture::Fixture;
use crate::plan_uuid::PlanUuid;

/// Has another plan reserve the ring and pause.
async fn reserved_by_a_paused_plan(fixture: &Fixture) -> PlanUuid {
    let other: PlanUuid = "00000000-0000-0000-0000-0000000000aa".parse().unwrap();
    let (region, now) = (fixture.region.with_new_session().await.unwrap(), Timestamp::UNIX_EPOCH);
    let lock = Lock::new(region.session().clone(), PLAN_LOCKS, &other.to_string()).unwrap();
    let alone = lock.try_acquire(&other.to_string(), now, Takeover::Own).await.unwrap();
    let epoch = Epoch {
        token: 1,
        claimed: 1,
        entries: 1,
        state: PlanState::Paused,
        file: "/var/tmp/my other.plan".to_owned(),
        host: "headnode".to_owned(),
        pid: 77,
        source: "1.moray.lab.example.net".to_owned(),
        targets: Vec::new(),
        told: now,
        writes_refused_since: None,
    };
    let note = serde_json::to_vec(&epoch).unwrap();
    alone.write_note(NOTE, &note, None).await.unwrap();
    drop(Reservation::Ring.take(&region, other, now).await.unwrap());
    alone.release().await.unwrap();
    region.close().await;
    other
}

#[test]
fn a_ring_that_a_paused_plan_has_is_told_with_that_plan_and_its_file() {
    runtime().block_on(async {
        let fixture = Fixture::new(deployment(&zookeeper()).await);
        let other = reserved_by_a_paused_plan(&fixture).await;
        let short = &mut |controls: &mut Controls| controls.tuning.wait_seconds = 5;
        fixture.journal().update_controls(short).await.unwrap();
        let sequence = Sequence::open([Arc::new(ReserveRing) as Arc<dyn Phase>]).end().unwrap();
        let ended = fixture.executor(sequence).run().await.unwrap();
        let Outcome::Held { phase, what, remedy } = ended else { panic!("{ended:?}") };
        assert_eq!(phase, "reserve-ring");
        let plan = format!("the plan {other}, since 1970-01-01T00:00:00.000Z, which is paused");
        let file = "; its file is /var/tmp/my other.plan on headnode";
        assert!(what.ends_with(&format!(": {plan}{file}")), "{what}");
        assert!(!what.contains("left behind"), "{what}");
        let file = || "/var/tmp/my other.plan".to_owned();
        assert_eq!(
            remedy.operations().collect::<Vec<_>>(),
            [
                &Operation::ResumeOther { file: file() },
                &Operation::AbortOther { file: file() },
                &Operation::ReleaseLostPlan { plan: other },
                &Operation::Resume,
            ]
        );
    });
}
