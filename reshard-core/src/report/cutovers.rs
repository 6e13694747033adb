//! The cutovers of a guarded plan in its report.

use std::fmt::{Result, Write};

use crate::cutover::{CutoverRecord, Verdict};

/// Writes the section about the cutovers.
pub(super) fn write(cutovers: &[CutoverRecord], predicted_seconds: f64, to: &mut String) -> Result {
    writeln!(to, "\n## Cutover\n")?;
    let done = cutovers.iter().filter(|record| record.verdict == Verdict::Done);
    let waited: Vec<f64> =
        done.filter_map(|record| Some(millis(record.block()?.as_micros()))).collect();
    writeln!(to, "| | predicted | measured |\n|---|---:|---:|")?;
    let predicted = predicted_seconds * 1e3;
    let sum = waited.iter().sum::<f64>();
    let measured = if waited.is_empty() { "-".to_owned() } else { format!("{sum:.0} ms") };
    writeln!(to, "| requests for the moving vnodes waited | {predicted:.0} ms | {measured} |\n")?;
    for record in cutovers {
        match &record.verdict {
            Verdict::Done => writeln!(
                to,
                "* done; {} entries of the log were replayed, and {} keys compared, while requests waited",
                record.drained, record.compared
            )?,
            Verdict::Rehearsed => writeln!(to, "* a rehearsal")?,
            Verdict::LetGo { step, why } => writeln!(to, "* let go in the step {step}: {why}")?,
        }
    }
    let Some(last) = cutovers.last() else { return Ok(()) };
    writeln!(to, "\n| step of the last | began | took |\n|---|---:|---:|")?;
    for step in &last.steps {
        let (began, took) = (millis(step.began_micros.into()), millis(step.took_micros.into()));
        writeln!(to, "| {} | {began:.1} ms | {took:.1} ms |", step.name)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn millis(micros: u128) -> f64 {
    micros as f64 / 1e3
}
