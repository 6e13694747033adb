//! The region's readiness for the plan: the checks, and what has drifted since it was made.

use crate::hint::{Hint, Operation, hint};
use crate::inventory::{DriftSeverity, Expected, drift, gather};
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::preflight::{Subject, Verdict, check};

/// The purpose that the region shall be fit for.
pub(super) struct Readiness {
    /// The subject of the checks.
    pub(super) subject: Subject,
    /// The changes that the plan has made itself.
    pub(super) expected: Expected,
}

/// Makes the checks and compares the inventory; holds if anything is in the way, and notes what is worth knowing.
pub(super) async fn check_readiness(
    context: &Context,
    readiness: Readiness,
) -> Result<(), PhaseError> {
    context.checkpoint().await?;
    let (plan, deployment) = (context.plan(), context.deployment());
    let cache = context.work_directory();
    let report = check(deployment, &readiness.subject, &cache, context.clock()).await;
    let (mut wrong, mut remedies) = (Vec::new(), Vec::new());
    for check in &report.checks {
        match check.verdict {
            Verdict::Failed => {
                wrong.push(format!("{}: {}", check.name, check.found));
                remedies.push(hint!(check.name.as_str(), ": ", check.remedy.clone()));
            }
            Verdict::Warning => {
                let found = format!("{}: {} (", check.name, check.found);
                context.note(hint!(found, check.remedy.clone(), ")")).await?;
            }
            Verdict::Ok | Verdict::Skipped => {}
        }
    }
    if !wrong.is_empty() {
        let remedies = Hint::join(remedies, "; ");
        // A plan that was rolled back is not resumed.
        let ends = remedies.operations().any(|operation| *operation == Operation::Abort);
        let then = if ends { "; or, once that is mended, " } else { "; then " };
        return Err(PhaseError::hold(
            format!("not fit for the plan: {}", wrong.join("; ")),
            hint!(remedies, then, Operation::Resume),
        ));
    }
    let source = plan.source();
    let now = gather(deployment, source, &cache, context.clock(), &|_| ()).await;
    let now = now.or_phase_error("the inventory cannot be read")?;
    let mut moved = Vec::new();
    for drift in drift(&plan.inventory, &now, &readiness.expected) {
        match drift.severity {
            DriftSeverity::Refuse => moved.push(drift.to_string()),
            DriftSeverity::Mention => {
                context.note(format!("since the plan was made: {drift}")).await?;
            }
        }
    }
    if !moved.is_empty() {
        return Err(PhaseError::hold(
            format!("the region is not what the plan was made for: {}", moved.join("; ")),
            hint!(
                "put back what was changed and ",
                Operation::Resume,
                ", or ",
                Operation::Abort,
                " and make a new plan"
            ),
        ));
    }
    let ok = report.checks.iter().filter(|check| check.verdict == Verdict::Ok).count();
    let made = report.checks.iter().filter(|check| check.verdict != Verdict::Skipped).count();
    context.note(format!("{ok} of {made} checks passed")).await
}
