//! Things that the operator has asked for.

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
