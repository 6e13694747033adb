//! The source's Moray processes.

use super::{Check, Evidence, Findings, Subject, look, seen};
use crate::morays::LONGEST_CLAIM;
use crate::preflight::Verdict;

/// Every process tells which requests it is at: what it had before writes were refused is waited for.
pub(super) fn tell_their_requests(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("moray-requests");
    let mut count = 0;
    let slower = format!("the write block lasts {} s longer without it", LONGEST_CLAIM.as_secs());
    for (zone, processes) in seen!(findings, look(&evidence.morays)) {
        let processes = match processes {
            Ok(processes) => processes,
            Err(why) => {
                findings.unseen(
                    Verdict::Warning,
                    why,
                    format!("the Moray processes in {zone} are not known"),
                    format!("see to the zone, its server and CNAPI: {slower}"),
                );
                continue;
            }
        };
        for (process, told) in processes {
            match (&process.kang, told) {
                (_, Ok(())) => count += 1,
                (None, Err(_)) => findings.warn(
                    format!("{} in {zone} has no SMF property moray/kang", process.instance),
                    format!("reprovision the zone with a newer image, or leave it so: {slower}"),
                ),
                (Some(url), Err(why)) => findings.warn(
                    format!("{} in {zone} does not tell its requests: {why}", process.instance),
                    format!("see that `curl {url}` answers from here: {slower}"),
                ),
            }
        }
    }
    findings.or_ok(match count {
        1 => "1 process tells its requests".to_owned(),
        _ => format!("{count} processes tell their requests"),
    })
}
