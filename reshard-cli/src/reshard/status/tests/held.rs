//! The commands that a hold leads to.

use super::*;

#[test]
fn a_hold_that_the_plan_has_got_over_has_nothing_to_do() {
    let mut facts = facts(PlanState::Running);
    let over = Hint::from("the new peers do not follow. To do: see that they do; then ");
    facts.trouble = Some(Entry {
        at: ago(90),
        phase: "drain".to_owned(),
        kind: EntryKind::Hold,
        text: over.and(Operation::Resume),
    });
    let shown = flat(&screen(&facts));
    let held = "held 90 s ago, drain: the new peers do not follow (it has gone on since) file";
    assert!(shown.contains(held) && !shown.contains("see that they do"), "{shown}");
}

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

#[test]
fn what_a_plan_keeps_from_others_is_told() {
    let mut facts = executed(facts(PlanState::Paused), Liveness::Nobody);
    assert!(!flat(&screen(&facts)).contains("keeps"));
    facts.withheld = BTreeSet::from([Withheld::Takeovers, Withheld::Dumps]);
    let shown = flat(&screen(&facts));
    let keeps = "keeps 2.moray.lab.example.net frozen: nobody takes over if its primary dies; the dump lock: no shard is dumped";
    assert!(shown.contains(keeps), "{shown}");
}

#[test]
fn whoever_goes_on_past_the_way_back_is_told_so() {
    let mut facts = executed(facts(PlanState::Paused), Liveness::Nobody);
    assert!(!flat(&screen(&facts)).contains("no way back"));
    facts.pivot_is_next = Some("remove-guard".to_owned());
    let shown = flat(&screen(&facts));
    let told = "goes on with remove-guard: from there on there is no way back";
    assert!(shown.contains(told), "{shown}");
}
