//! The words about a watchdog.

use super::*;

#[test]
fn a_watchdog_that_ends_the_write_block_is_told_of() {
    let first = |mut facts: Facts| {
        facts.watchdog = true;
        flat(screen(&blocked(facts)).split("\n\n").next().unwrap())
    };
    let alarm = "WRITES TO THE MOVING VNODES ARE REFUSED (12 s so far)";
    let told = "its last sign was 44 s ago; split.plan.work/watchdog.log tells what it does.";
    for (by, ends) in [
        (dead(), "ends that now: the executor, process 4711 on headnode, is dead"),
        (
            silent(),
            "ends that as soon as ZooKeeper has given up the executor's session: the executor, process 4711 on headnode, \
             does not respond",
        ),
    ] {
        let shown = first(executed(facts(PlanState::Running), by));
        assert_eq!(shown, format!("{alarm}, and the watchdog {ends}: {told}"));
    }
    assert_eq!(
        first(executed(facts(PlanState::Paused), Liveness::Nobody)),
        format!(
            "{alarm}, until somebody lets the plan go on, or until the watchdog puts the original rings back, when the budget \
             is over."
        )
    );
}

#[test]
fn a_cutover_that_its_executor_has_left_is_told_first_of_all() {
    let shown = |watchdog, by| {
        let mut facts = executed(facts(PlanState::Running), by);
        (facts.urgent, facts.watchdog) = (Some("cut-over".to_owned()), watchdog);
        flat(&screen(&facts))
    };
    let alarm = "CUT-OVER WAS LEFT HALF DONE: REQUESTS FOR THE MOVING VNODES MAY FAIL, AND NOBODY TAKES OVER AT SHARDS THAT ARE FROZEN";
    let alone = shown(false, dead());
    assert!(alone.starts_with(&format!("{alarm}, and nobody ends that: the executor")), "{alone}");
    assert!(alone.contains("Type now: reshard resume split.plan"), "{alone}");
    let watched = shown(true, dead());
    assert!(watched.starts_with(&format!("{alarm}, and the watchdog ends that now")), "{watched}");
    let alive = shown(true, Liveness::Alive(presence()));
    assert!(!alive.contains("HALF DONE"), "{alive}");
}
