//! The commands that a hold leads to.

use super::*;

#[test]
fn a_hold_that_only_an_abort_gets_over_has_the_abort_first() {
    let mut facts = executed(
        facts(PlanState::Held {
            phase: "provision-peers".to_owned(),
            what: "VMAPI does not answer".to_owned(),
            remedy: Hint::from("make it answer; then ").and(Operation::Abort),
        }),
        Liveness::Nobody,
    );
    let (abort, resume) = ("reshard abort split.plan", "reshard resume split.plan");
    let rest = "reshard resume split.plan --dry-run";
    assert_eq!(commands(&facts), [abort, resume, rest]);
    facts.no_way_back = Some("publish-ring".to_owned());
    assert_eq!(commands(&facts), [resume, rest]);
}
