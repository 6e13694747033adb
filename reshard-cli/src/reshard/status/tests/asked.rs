//! Things that the operator has asked for, or has to see to.

use super::*;

#[test]
fn what_was_asked_for_is_shown_until_it_happens() {
    let mut facts = facts(PlanState::Running);
    facts.controls.pause = true;
    facts.controls.pause_before = Some("drain".to_owned());
    let shown = screen(&facts);
    assert!(
        shown.contains("asked     stop as soon as that is safe\nasked     stop before drain"),
        "{shown}"
    );
    // What stands still has stopped; the other is still to come.
    let (phase, what) = ("drain".to_owned(), "w".to_owned());
    let held = PlanState::Held { phase, what, remedy: Hint::default() };
    for state in [PlanState::Paused, held] {
        facts.report.state = state;
        let shown = screen(&facts);
        assert!(!shown.contains("as soon as that is safe"), "{shown}");
        assert!(shown.contains("asked     stop before drain"), "{shown}");
    }
    facts.controls.abort = true;
    assert!(screen(&facts).contains("asked     roll everything back"));
    facts.report.state = PlanState::Aborted;
    assert!(!screen(&facts).contains("asked "));
}

#[test]
fn a_router_that_was_down_when_rings_were_put_back_is_told_of() {
    let mut facts = facts(PlanState::Aborted);
    assert!(!screen(&facts).contains("routers"));
    facts.report.facts.insert("routers-left".to_owned(), json!(["em-2 (7)"]));
    let shown = flat(&screen(&facts));
    assert!(shown.contains("routers em-2 (7) did not run when rings were put back"), "{shown}");
    assert!(shown.contains("`reshard ring audit` tells"), "{shown}");
}
