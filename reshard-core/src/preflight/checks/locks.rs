//! Checks for others that hold on to the shard, the dumps, or the ring.

use manatee_client::{DumpLockState, LockRecord, LockState, RunningDump, UNNAMED_OWNER};

use super::{Check, Evidence, Findings, Subject, look, seen};
use crate::hint::{Operation, hint};
use crate::preflight::Verdict;

/// The source is frozen by nobody else.
pub(super) fn freeze(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("freeze");
    let state = &seen!(findings, look(&evidence.view)).state;
    let Some(freeze) = &state.freeze else {
        if subject.is_prepared() {
            findings.fail(
                "the source is not frozen any more, though this plan had frozen it",
                hint!("find out who took the freeze away; ", Operation::Resume, " sets it again"),
            );
        }
        return findings.or_ok("not frozen");
    };
    if subject.is_own(freeze.owner()) {
        return findings.or_ok("frozen by this plan");
    }
    let (since, reason) = freeze.shown();
    let owner = freeze.owner().unwrap_or(UNNAMED_OWNER);
    findings.fail(
        format!("the source is frozen by {owner} since {since}: {reason}"),
        match freeze.owner() {
            // Lifted, it would take the ground from under a plan that moves peers.
            Some(_) => hint!(
                "let that plan end, or abort it where its file is: ",
                Operation::ListPlans,
                " lists them"
            ),
            None => {
                let unfreeze = format!("`manatee-adm unfreeze -s {}`", subject.source);
                hint!("ask whoever froze it; then ", unfreeze)
            }
        },
    );
    findings.or_ok("")
}

/// Nobody has locked the dumps out by hand.
pub(super) fn dump_lock(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("dump-lock");
    match seen!(findings, look(&evidence.dump_lock)) {
        DumpLockState::Free => {
            if subject.is_prepared() {
                findings.fail(
                    "dumps are not locked out any more, though this plan had locked them out",
                    hint!(
                        "find out who removed /pg_dump_lock; ",
                        Operation::Resume,
                        " sets it again"
                    ),
                );
            }
            findings.or_ok("free")
        }
        DumpLockState::Held(holders) => {
            let others: Vec<String> = holders
                .iter()
                .filter(|holder| !subject.is_own(Some(&holder.owner)))
                .map(|holder| format!("{} since {}", holder.owner, holder.since))
                .collect();
            if !others.is_empty() {
                findings.warn(
                    format!("dumps are locked out also by {}", others.join(", ")),
                    "the lock is shared, and is released with its last holder: see that the others still need it",
                );
            }
            findings.or_ok("held by this plan")
        }
        DumpLockState::Foreign { content } => {
            let content: String = content.chars().take(80).collect();
            let content =
                if content.is_empty() { "nothing".to_owned() } else { format!("{content:?}") };
            findings.fail(
                format!("/pg_dump_lock was made by hand; in it is {content}"),
                "ask whoever made it; then remove it with `zkCli.sh delete /pg_dump_lock` in a nameservice zone",
            );
            findings.or_ok("")
        }
    }
}

/// No dump of the source runs.
pub(super) fn dumps(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("dumps");
    for (peer, dump) in seen!(findings, look(&evidence.dumps)) {
        match dump {
            Ok(RunningDump::None) => {}
            Ok(RunningDump::Running { clients }) => {
                let clients = if clients.is_empty() {
                    "no client yet".to_owned()
                } else {
                    clients.join(", ")
                };
                let verdict =
                    if subject.is_prepared() { Verdict::Failed } else { Verdict::Warning };
                findings.add(
                    verdict,
                    format!("a dump runs on {peer} ({clients})"),
                    "it is waited for before anything else, which can take hours",
                );
            }
            Err(why) => findings.warn(
                format!("cannot see whether a dump runs on {peer}: {why}"),
                "see to that peer's zone",
            ),
        }
    }
    findings.or_ok("none runs")
}

/// Nobody else changes the ring.
pub(super) fn ring_lock(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("ring-lock");
    let state = seen!(findings, look(&evidence.ring_lock));
    let (LockState::Held(record) | LockState::Abandoned(record)) = state else {
        return findings.or_ok("free");
    };
    if subject.is_own(record.owner.as_deref()) {
        return findings.or_ok("held by this plan");
    }
    let abandoned = matches!(state, LockState::Abandoned(_));
    let dead = if abandoned {
        "; nobody carries it out now, but it keeps the ring until it is over"
    } else {
        ""
    };
    // Before the ring is changed, the plan waits for the other one.
    let verdict = if subject.is_prepared() { Verdict::Failed } else { Verdict::Warning };
    findings.add(
        verdict,
        format!("the ring is reserved by the plan {}{dead}", holder(record)),
        hint!(
            "only one plan at a time may change the ring: let that one end, or abort it where its file is (",
            Operation::ListPlans,
            " tells where)"
        ),
    );
    findings.or_ok("")
}

/// Looks for plans that are carried out, or were left.
pub(super) fn plans(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("other-plans");
    for (name, state) in seen!(findings, look(&evidence.plan_locks)) {
        let own = subject.is_own(Some(name));
        match state {
            LockState::Held(record) if !own => findings.warn(
                format!("the plan {name} is being carried out since {}", since(record)),
                hint!(
                    "two plans may prepare at once, only one may change the ring: ",
                    Operation::ListPlans,
                    " lists them"
                ),
            ),
            LockState::Abandoned(record) if !own => findings.warn(
                format!(
                    "the plan {name}, carried out since {}, was left: its executor is gone",
                    since(record)
                ),
                hint!(
                    "it may be half done: resume or abort it where its file is; ",
                    Operation::ListPlans,
                    " lists what it keeps"
                ),
            ),
            LockState::Held(_) | LockState::Abandoned(_) | LockState::Free => {}
        }
    }
    findings.or_ok("none")
}

fn holder(record: &LockRecord) -> String {
    let owner = record.owner.as_deref().unwrap_or("nobody");
    format!("{owner} since {}", since(record))
}

fn since(record: &LockRecord) -> &str {
    record.since.as_deref().unwrap_or("an unknown time")
}
