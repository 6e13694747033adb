use async_trait::async_trait;

use super::*;
use crate::phase::{About, Context, PhaseError, Undone};

struct Named(&'static str, Option<&'static str>);

#[async_trait]
impl Phase for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn about(&self) -> About {
        let title = self.0;
        About { title, rfd103: "", reads: "", writes: "", done_when: "", undo: "", pause: "" }
    }

    fn rewinds_to(&self) -> Option<&'static str> {
        self.1
    }

    async fn run(&self, _: &Context) -> Result<(), PhaseError> {
        Ok(())
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

fn named(name: &'static str) -> Arc<dyn Phase> {
    Arc::new(Named(name, None))
}

fn whole() -> Sequence {
    let sequence = Sequence::open([named("a")]).blocked(["b", "c"].map(named));
    sequence.pivot(named("p")).last(named("l")).open([named("z")]).unwrap()
}

#[test]
fn the_table_says_where_writes_are_refused_and_where_the_way_back_ends() {
    use WriteBlock::{Begins, Ends, Inside, Outside};
    let sequence = whole();
    let blocks: Vec<_> = sequence.iter().map(Step::write_block).collect();
    assert_eq!(blocks, [Outside, Begins, Inside, Inside, Ends, Outside]);
    assert_eq!(sequence.pivot().map(|step| step.name()), Some("p"));
    assert_eq!(sequence.block_begins().map(|step| step.name()), Some("b"));
}

#[test]
fn a_phase_more_is_refused_writes_where_its_neighbours_are() {
    for (before, block) in [
        ("a", WriteBlock::Outside),
        ("b", WriteBlock::Outside),
        ("c", WriteBlock::Inside),
        ("p", WriteBlock::Inside),
        ("l", WriteBlock::Inside),
        ("z", WriteBlock::Outside),
    ] {
        let sequence = whole().with_phase_before(before, named("x")).unwrap();
        assert_eq!(sequence.get("x").unwrap().write_block(), block, "{before}");
        assert_eq!(sequence.block_begins().unwrap().name(), "b");
    }
    let missing = whole().with_phase_before("y", named("x")).unwrap_err();
    assert_eq!(missing, SequenceError::Missing { name: "y".to_owned() });
}

#[test]
fn nothing_ill_formed_can_be_made() {
    let twice = Sequence::open([named("a"), named("a")]).end().unwrap_err();
    assert_eq!(twice, SequenceError::Duplicate { name: "a" });
    let empty = Sequence::open([]).blocked([]).pivot(named("p")).last(named("l")).open([]);
    assert_eq!(empty.unwrap_err(), SequenceError::NothingBlocks);
    let rewinds = |to| -> Arc<dyn Phase> { Arc::new(Named("r", Some(to))) };
    assert!(Sequence::open([named("a"), rewinds("a")]).end().is_ok());
    for to in ["r", "later", "nowhere"] {
        let error = Sequence::open([rewinds(to), named("later")]).end().unwrap_err();
        assert_eq!(error, SequenceError::Rewind { name: "r", to });
    }
}
