//! The interval in which writes are refused: what ends it, and how long it lasts.

use std::time::Duration;

use super::{Deployment, Does, Fixture, Outcome};
use crate::clock::Clock;
use crate::hint::Operation;
use crate::journal::{Entry, Journal};
use crate::report::Report;

pub(super) async fn all(deployment: &Deployment) {
    a_hold_in_the_write_block_ends_it(deployment).await;
    a_budget_ends_the_write_block(deployment).await;
    a_clock_that_is_set_counts_for_nothing(deployment).await;
    the_way_back_is_part_of_the_budget(deployment).await;
    a_budget_that_is_too_small_is_refused_before_the_block(deployment).await;
    what_was_met_last_is_told_when_the_budget_is_over(deployment).await;
    a_block_that_nobody_ended_in_time_is_begun_anew(deployment).await;
}

async fn a_block_that_nobody_ended_in_time_is_begun_anew(deployment: &Deployment) {
    for done in ["first, make", "first, make, block"] {
        let well = done.split(", ").map(|_| Does::Well);
        let fixture = Fixture::new(deployment, [Does::Crashes].into_iter().chain(well).collect());
        assert!(fixture.run().await.is_none(), "it crashes after {done}");
        // Nobody comes for a day; that is no fault of the phase that was begun.
        fixture.clock.sleep(Duration::from_hours(24)).await;
        assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done, "after {done}");
        let log = fixture.store.log_after(0).await.unwrap();
        let noted = |(_, entry): &(u64, Entry)| entry.text.to_string().contains("refused for 1 d");
        assert!(log.iter().any(noted), "{log:?}");
        let last = fixture.block().await.unwrap();
        assert!(last.moved && last.time.took().unwrap() < Duration::from_mins(1), "{last:?}");
    }
}

async fn a_hold_in_the_write_block_ends_it(deployment: &Deployment) {
    // Scripts are read from their end.
    let script = vec![Does::Holds, Does::Well, Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, script);
    let ended = fixture.executor().run().await.unwrap();
    let Outcome::Held { phase, what, remedy } = ended else { panic!("{ended:?}") };
    assert_eq!((phase.as_str(), remedy.to_string().as_str()), ("split", "mend it"));
    assert!(what.contains("writes are accepted again"), "{what}");
    assert_eq!(fixture.effects(), ["first", "make"]);
    let block = fixture.block().await.unwrap();
    assert!(block.time.is_over() && !block.moved);
    // Undoing the split spoiled what was made: it is recreated, and only then the plan goes on.
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
    let log = fixture.store.log_after(0).await.unwrap();
    let made = log
        .iter()
        .filter(|(_, entry)| entry.phase == "make" && entry.text == "make".into())
        .count();
    assert_eq!(made, 2);
    assert_eq!(fixture.store.fact("round").await.unwrap(), Some(1.into()));
}

async fn a_budget_ends_the_write_block(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, vec![Does::Lasts, Does::Well, Does::Well, Does::Well]);
    let ended = fixture.executor().run().await.unwrap();
    let Outcome::Held { what, .. } = ended else { panic!("{ended:?}") };
    assert!(what.contains("budget") && what.contains("The time went to: block"), "{what}");
    assert_eq!(fixture.effects(), ["first", "make"]);
}

async fn a_clock_that_is_set_counts_for_nothing(deployment: &Deployment) {
    for hours in [-1, 1] {
        let script = vec![Does::SetsTheClock(hours), Does::Well, Does::Well, Does::Well];
        let fixture = Fixture::new(deployment, script);
        let executor = fixture.executor();
        assert_eq!(executor.run().await.unwrap(), Outcome::Done, "{hours} h");
        let report = Report::of(&*fixture.store, executor.sequence()).await.unwrap();
        assert_eq!(report.write_block.measured_seconds, Some(5.0), "{hours} h");
        let split = report.phases.iter().find(|phase| phase.name == "split").unwrap();
        assert_eq!(split.seconds, Some(5.0), "{hours} h");
        assert_eq!(report.total_seconds, Some(5.0), "{hours} h");
    }
}

async fn the_way_back_is_part_of_the_budget(deployment: &Deployment) {
    // Refusing writes takes 20 s, and so does taking that back; what comes between does not end.
    let hangs = [Does::Takes(20), Does::Well, Does::Hangs, Does::Takes(20), Does::Well, Does::Well];
    let fixture = Fixture::new(deployment, hangs.into());
    fixture.allow(200).await;
    let ended = fixture.executor().run().await.unwrap();
    let Outcome::Held { what, .. } = ended else { panic!("{ended:?}") };
    assert!(what.contains("used up its budget"), "{what}");
    let took = fixture.block().await.unwrap().time.took().unwrap();
    assert!(took <= Duration::from_secs(200) && took > Duration::from_secs(190), "{took:?}");
    // The round itself does not end: going back takes as long as it lasted.
    let fixture = Fixture::new(deployment, vec![Does::Hangs, Does::Well, Does::Well]);
    fixture.allow(200).await;
    let ended = fixture.executor().run().await.unwrap();
    assert!(matches!(&ended, Outcome::Held { phase, .. } if phase == "block"), "{ended:?}");
    let took = fixture.block().await.unwrap().time.took().unwrap();
    assert!(took < Duration::from_secs(100), "{took:?}");
}

async fn a_budget_that_is_too_small_is_refused_before_the_block(deployment: &Deployment) {
    let fixture = Fixture::new(deployment, Vec::new());
    fixture.allow(8).await;
    let ended = fixture.executor().run().await.unwrap();
    let Outcome::Held { phase, what, remedy } = ended else { panic!("{ended:?}") };
    assert_eq!(phase, "block");
    assert!(what.contains("at most 8 s, which is too short"), "{what}");
    assert!(fixture.block().await.is_none());
    let needed = fixture.store.plan().await.unwrap().prediction.least_budget().as_secs();
    let tune = Operation::Tune { setting: "budget_seconds".to_owned(), value: Some(needed) };
    assert_eq!(remedy.operations().collect::<Vec<_>>(), [&tune, &Operation::Resume]);
    fixture.allow(needed).await;
    assert_eq!(fixture.executor().run().await.unwrap(), Outcome::Done);
}

async fn what_was_met_last_is_told_when_the_budget_is_over(deployment: &Deployment) {
    // Pauses between attempts do not grow beyond all bounds, however many there are.
    let script = [vec![Does::PassesAfter(20); 10], vec![Does::Passes; 70], vec![Does::Well; 3]];
    let script = script.concat();
    let fixture = Fixture::new(deployment, script);
    fixture.allow(120).await;
    fixture.tune(&mut |tuning| tuning.patience_seconds = 1000).await;
    let ended = fixture.executor().run().await.unwrap();
    let Outcome::Held { what, .. } = ended else { panic!("{ended:?}") };
    assert!(what.contains("used up its budget: it may pass"), "{what}");
}
