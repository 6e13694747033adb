//! The source's database as a guard needs it, and its log of changes: only plans of the guarded mode have one.

use postgres_protocol::escape::escape_identifier;

use super::{Check, Evidence, Findings, Subject, look, seen};
use crate::guard::GuardFinding;
use crate::hint::Hint;
use crate::plan::Mode;
use crate::preflight::Verdict;

/// The connections that a plan itself has at the source, at the most.
const OWN: i64 = 24;

/// Nothing writes past a guard or keeps it from being put up.
pub(super) fn holds(evidence: &Evidence, subject: &Subject) -> Check {
    let findings = Findings::new("guard");
    if subject.mode == Mode::Rfd103 {
        return findings.skipped("the mode rfd103 puts no guard up");
    }
    let mut findings = findings;
    let guard = seen!(findings, look(&evidence.guard));
    for finding in guard {
        let verdict = if finding.lets_writes_past() { Verdict::Failed } else { Verdict::Warning };
        if let Some(remedy) = remedy(finding) {
            let at = finding_at(finding, &subject.source.to_string());
            findings.add(verdict, at, remedy);
        }
    }
    findings.or_ok("nothing gets past a guard")
}

/// There are connections for the plan and for the new Morays, which are at the source until the cutover.
pub(super) fn connections(evidence: &Evidence, subject: &Subject) -> Check {
    let findings = Findings::new("connections");
    if subject.mode == Mode::Rfd103 {
        return findings.skipped("the mode rfd103 leads no new Moray to the source");
    }
    let mut findings = findings;
    let connections = seen!(findings, look(&evidence.connections));
    let (free, morays) = (connections.free(), i64::from(subject.morays));
    let needed = OWN.saturating_add(connections.of_one_moray.saturating_mul(morays));
    if free < needed {
        let found = format!(
            "{} of {} connections of {} are free, and a guarded plan needs {needed}: {OWN} itself, {} each of {morays} new Moray zones",
            free, connections.most, subject.source, connections.of_one_moray
        );
        let remedy = "give PostgreSQL more (`max_connections` in PG_CONFIG_OVERRIDES, then restart its peers), \
                      end sessions that nobody needs, or plan fewer Morays";
        findings.warn(found, remedy);
    }
    findings.or_ok(format!("{free} of {} are free", connections.most))
}

fn finding_at(finding: &GuardFinding, source: &str) -> String {
    format!("{finding} at the primary of {source}")
}

/// The remedy; `None` for what other checks tell of.
fn remedy(finding: &GuardFinding) -> Option<Hint> {
    let remedy = match finding {
        GuardFinding::Version { .. } => {
            "use the mode rfd103, or bring the shard to a newer image first".to_owned()
        }
        GuardFinding::NoLanguage => {
            "`CREATE EXTENSION plpgsql` in the database moray, at the primary".to_owned()
        }
        GuardFinding::PreparedTransactionsAllowed { .. } => {
            "set max_prepared_transactions to 0 (it is in PG_CONFIG_OVERRIDES or postgresql.conf), and restart the shard's peers: \
             nothing of Manta prepares transactions"
                .to_owned()
        }
        GuardFinding::Setting { name, scope, .. } => format!(
            "`{}`, after asking whose setting it is; who is connected keeps it until they connect again",
            scope.reset(name)
        ),
        GuardFinding::Subscription { name } => format!(
            "`ALTER SUBSCRIPTION {} DISABLE`, then drop it, after asking whose it is: rows that it writes would not follow the vnodes",
            escape_identifier(name)
        ),
        GuardFinding::Locked(_) => {
            "see that it ends soon: a guard waits for such a lock, and holds if it stays".to_owned()
        }
        GuardFinding::PreparedTransaction(_)
        | GuardFinding::Unguardable(_)
        | GuardFinding::NoTables
        | GuardFinding::LongTransaction(_) => return None,
    };
    Some(remedy.into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{blind, subject};
    use super::*;
    use crate::guard::{Connections, SettingScope};

    fn verdict(finding: GuardFinding, mode: Mode) -> (Verdict, String) {
        let evidence = Evidence { guard: Ok(vec![finding]), ..blind() };
        let check = holds(&evidence, &Subject { mode, ..subject() });
        (check.verdict, check.remedy.to_string())
    }

    #[test]
    fn ways_past_a_guard_fail_a_guarded_plan() {
        let scope = SettingScope { role: Some("back \"fill".to_owned()), database: None };
        let (name, value) = ("session_replication_role".to_owned(), "replica".to_owned());
        let setting = GuardFinding::Setting { name, value, scope };
        let (failed, remedy) = verdict(setting.clone(), Mode::Guarded);
        assert_eq!(failed, Verdict::Failed);
        assert!(
            remedy.starts_with("`ALTER ROLE \"back \"\"fill\" RESET session_replication_role`"),
            "{remedy}"
        );
        assert_eq!(verdict(setting, Mode::Rfd103).0, Verdict::Skipped);
        let allowed = GuardFinding::PreparedTransactionsAllowed { most: 2 };
        assert_eq!(verdict(allowed, Mode::Guarded).0, Verdict::Failed);
        // The check of the tables tells of that.
        assert_eq!(verdict(GuardFinding::NoTables, Mode::Guarded).0, Verdict::Ok);
    }

    #[test]
    fn too_few_connections_are_told() {
        let checked = |used| {
            let seen = Connections { most: 97, used, of_one_moray: 16 };
            let evidence = Evidence { connections: Ok(seen), ..blind() };
            connections(&evidence, &Subject { mode: Mode::Guarded, morays: 2, ..subject() })
        };
        assert_eq!(checked(41).verdict, Verdict::Ok);
        let few = checked(42);
        assert_eq!(few.verdict, Verdict::Warning);
        assert!(few.found.contains("55 of 97") && few.found.contains("needs 56"), "{few:?}");
    }
}
