//! The plan that keeps for itself what another plan needs: whose it is, whether it is over, and what is to be done about it.

use std::fmt;

use manatee_client::{LockRecord, LockState};

use crate::deployment::Deployment;
use crate::epoch::{Epoch, known_plan};
use crate::hint::{Hint, Operation, hint};
use crate::journal::PlanState;
use crate::plan_uuid::PlanUuid;

/// A plan that has a reservation.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    plan: PlanUuid,
    /// Since when it has the reservation.
    since: Option<String>,
    /// The epoch that its last executor told.
    epoch: Option<Epoch>,
    /// True if an executor is at work.
    is_executed: bool,
}

impl Owner {
    /// The plan that a reservation's record names, as far as ZooKeeper tells of it; `None` if it names no plan.
    pub(crate) async fn of(deployment: &Deployment, record: &LockRecord) -> Option<Self> {
        let plan = record.owner.as_deref()?.parse().ok()?;
        let known = known_plan(deployment, plan).await.ok();
        let (epoch, lock) =
            known.map_or((None, None), |it| (it.epoch.ok().flatten(), it.lock.ok()));
        let is_executed = matches!(lock, Some(LockState::Held(_)));
        Some(Self { plan, since: record.since.clone(), epoch, is_executed })
    }

    /// The operator's choices.
    pub(crate) fn hint(&self) -> Hint {
        let Self { plan, epoch, is_executed, .. } = self;
        let release = || Operation::ReleaseLostPlan { plan: *plan };
        let Some(epoch) = epoch else {
            return hint!(
                "resume or abort that plan where its file is (",
                Operation::ListPlans,
                " tells what is known of it); only if its file is lost, ",
                release(),
                " frees what it keeps"
            );
        };
        if epoch.is_over() {
            return hint!(
                Operation::ReleasePlan { plan: *plan },
                " frees what that plan has left, as it is over"
            );
        }
        let there = |operation: fn(String) -> Operation| operation(epoch.file.clone());
        let abort = there(|file| Operation::AbortOther { file });
        if *is_executed {
            return hint!(
                format!("let that plan end, or on {}: ", epoch.host),
                abort,
                " rolls it back"
            );
        }
        hint!(
            format!("that plan is not over: on {}, ", epoch.host),
            there(|file| Operation::ResumeOther { file }),
            " goes on with it and ",
            abort,
            " rolls it back; only if its file is lost, ",
            release(),
            " frees what it keeps"
        )
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plan {}", self.plan)?;
        if let Some(since) = &self.since {
            write!(f, ", since {since}")?;
        }
        let Some(Epoch { state, file, host, pid, .. }) = &self.epoch else {
            return f.write_str("; where its file is, ZooKeeper does not tell");
        };
        if self.is_executed {
            return write!(f, ", which process {pid} on {host} carries out, with the file {file}");
        }
        let is = match state {
            PlanState::Paused => "is paused".to_owned(),
            PlanState::Held { phase, .. } => format!("is held in {phase}"),
            PlanState::Planned => "was not begun".to_owned(),
            PlanState::Running => "was interrupted".to_owned(),
            PlanState::Aborting => "was interrupted while it was rolled back".to_owned(),
            PlanState::Aborted => "was rolled back".to_owned(),
            PlanState::Done => "is done".to_owned(),
        };
        write!(f, ", which {is}; its file is {file} on {host}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(state: PlanState, is_executed: bool) -> Owner {
        let epoch = Epoch {
            token: 1,
            claimed: 1,
            entries: 1,
            state,
            file: "/var/tmp/a.plan".to_owned(),
            host: "headnode".to_owned(),
            pid: 77,
            source: "2.moray.lab.example.net".to_owned(),
            targets: Vec::new(),
            told: jiff::Timestamp::UNIX_EPOCH,
            writes_refused_since: None,
        };
        let plan = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        Owner { plan, since: Some("noon".to_owned()), epoch: Some(epoch), is_executed }
    }

    #[test]
    fn a_plan_that_is_paused_is_not_over_and_its_file_is_named() {
        let paused = owner(PlanState::Paused, false);
        let plan = "the plan 00000000-0000-0000-0000-000000000007, since noon, which";
        assert_eq!(
            paused.to_string(),
            format!("{plan} is paused; its file is /var/tmp/a.plan on headnode")
        );
        let hint = paused.hint();
        assert_eq!(
            hint.to_string(),
            "that plan is not over: on headnode, 'resume the plan in /var/tmp/a.plan' goes on with it and \
             'abort the plan in /var/tmp/a.plan' rolls it back; only if its file is lost, \
             'free what the plan 00000000-0000-0000-0000-000000000007 keeps' frees what it keeps"
        );
        // This plan's own commands have no place here.
        assert!(hint.operations().all(|it| !matches!(it, Operation::Resume | Operation::Abort)));
    }

    #[test]
    fn nobody_frees_what_a_plan_at_work_keeps() {
        let lost = |it: &Owner| {
            it.hint().operations().any(|it| matches!(it, Operation::ReleaseLostPlan { .. }))
        };
        let at_work = owner(PlanState::Running, true);
        assert!(
            !lost(&at_work) && at_work.to_string().contains("process 77 on headnode carries out")
        );
        let done = owner(PlanState::Done, false);
        assert!(!lost(&done) && done.to_string().contains("which is done"));
        let unknown = Owner { epoch: None, ..at_work };
        assert!(lost(&unknown) && unknown.to_string().contains("does not tell"), "{unknown}");
    }
}
