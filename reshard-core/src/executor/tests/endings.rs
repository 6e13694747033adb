//! Executors that are stopped from within their process, and what is left by those that die.

use std::error::Error as StdError;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Deployment, Does, Fixture, Gone, Guard, Outcome, PHASES, PlanState};
use crate::journal::Journal;

pub(super) async fn all(deployment: &Deployment) {
    a_signal_stops_it_where_that_is_safe(deployment).await;
    a_signal_while_writes_are_refused_lets_the_block_end(deployment).await;
    a_signal_stops_an_abort_between_phases(deployment).await;
    an_abort_keeps_no_writes_refused_for_what_cannot_be_undone(deployment).await;
    whatever_an_executor_dies_in_writes_are_accepted_again(deployment).await;
    no_block_without_a_guard(deployment).await;
}

async fn a_signal_stops_it_where_that_is_safe(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, vec![Does::IsSignalled]);
    let ended = fixture.executor().run().await.unwrap();
    assert_eq!(ended, Outcome::Paused { phase: "make".to_owned() });
    // The file does not say so: the next one goes on.
    assert!(!fixture.store.controls().await.unwrap().pause);
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
}

async fn a_signal_while_writes_are_refused_lets_the_block_end(deployment: &Deployment) {
    let script = vec![Does::IsSignalled, Does::Well, Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor().run().await.unwrap();
    assert_eq!(ended, Outcome::Paused { phase: "last".to_owned() });
    assert!(fixture.block().await.unwrap().moved);
    // It may go back as well, and holds then.
    let script = vec![Does::Holds, Does::IsSignalled, Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor().run().await.unwrap();
    assert!(matches!(ended, Outcome::Held { .. }), "{ended:?}");
    assert!(fixture.block().await.unwrap().time.is_over());
}

async fn an_abort_keeps_no_writes_refused_for_what_cannot_be_undone(deployment: &Deployment) {
    // The operator wants everything back when writes are refused, and the split cannot be undone: not before the block, nor after.
    let begins = [Does::Well, Does::Well, Does::IsAborted, Does::Passes];
    let goes_back = [Does::Holds, Does::Well, Does::Holds];
    let script = begins.into_iter().chain(goes_back).rev().collect();
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor().run().await.unwrap();
    assert!(matches!(&ended, Outcome::Held { phase, .. } if phase == "split"), "{ended:?}");
    assert!(fixture.block().await.unwrap().time.is_over(), "writes are refused");
    assert_eq!(fixture.executor().abort().await.unwrap(), Outcome::Aborted);
    assert!(fixture.effects().is_empty(), "{:?}", fixture.effects());
}

async fn a_signal_stops_an_abort_between_phases(deployment: &Deployment) {
    let script = vec![Does::IsSignalled, Does::Holds, Does::Well];
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor().run().await.unwrap();
    assert!(matches!(ended, Outcome::Held { .. }), "{ended:?}");
    let ended = fixture.executor().abort().await.unwrap();
    assert!(matches!(ended, Outcome::Paused { .. }), "{ended:?}");
    assert_eq!(fixture.effects(), ["first"]);
    assert_eq!(fixture.executor().abort().await.unwrap(), Outcome::Aborted);
    assert!(fixture.effects().is_empty());
}

async fn whatever_an_executor_dies_in_writes_are_accepted_again(deployment: &Deployment) {
    let gone = Gone { words: "the executor was gone at noon".to_owned(), session: Some(0) };
    for (place, phase) in PHASES.into_iter().enumerate() {
        let mut script = vec![Does::Well; place];
        script.insert(0, Does::Crashes);
        let fixture = Fixture::new(deployment, script);
        assert!(fixture.run().await.is_none(), "it dies in {phase}");
        let rescued = fixture.executor().rescue(&gone).await.unwrap();
        let open = fixture.block().await.is_some_and(|block| !block.time.is_over());
        assert!(!open, "{phase}: {rescued:?}");
        match rescued {
            None => assert!(["first", "make", "last"].contains(&phase), "{phase}"),
            Some(Outcome::Held { what, .. }) => {
                assert!(
                    what.contains("gone at noon") && what.contains("writes are accepted again"),
                    "{what}"
                );
                assert_eq!(fixture.effects(), ["first", "make"], "{phase}");
            }
            Some(Outcome::Done) => assert!(["publish", "unblock"].contains(&phase), "{phase}"),
            Some(other) => panic!("{phase}: {other:?}"),
        }
        if fixture.store.state().await.unwrap() != PlanState::Done {
            assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done, "{phase}");
        }
    }
}

struct Asleep;

#[async_trait]
impl Guard for Asleep {
    async fn stand_by(&self, _: i64) -> Result<(), Box<dyn StdError + Send + Sync>> {
        Err("it sleeps".into())
    }
}

async fn no_block_without_a_guard(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, Vec::new());
    let ended = fixture.executor().guarded_by(Arc::new(Asleep)).run().await.unwrap();
    let Outcome::Held { phase, what, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(phase, "block");
    assert!(what.contains("it sleeps"), "{what}");
    assert_eq!(fixture.effects(), ["first", "make"]);
    assert!(fixture.block().await.is_none());
}
