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
