//! Transactions at the source that would keep writes refused until they end.

use super::{Check, Evidence, Findings, Subject, look, seen};
use crate::preflight::{OLD_TRANSACTION, Verdict};
use crate::region::{Holder, OpenTransaction, how_to_end, listed};

/// No session has a transaction open for long: inside the write block it would be waited for.
pub(super) fn open(evidence: &Evidence, subject: &Subject) -> Check {
    judge("open-transactions", evidence, subject, false)
}

/// No transaction is prepared: it belongs to no session, and can be committed at any time.
pub(super) fn prepared(evidence: &Evidence, subject: &Subject) -> Check {
    judge("prepared-transactions", evidence, subject, true)
}

fn judge(name: &'static str, evidence: &Evidence, subject: &Subject, prepared: bool) -> Check {
    let mut findings = Findings::new(name);
    let transactions = seen!(findings, look(&evidence.transactions));
    let of_this_kind =
        |one: &&OpenTransaction| matches!(one.holder, Holder::Prepared { .. }) == prepared;
    let open: Vec<_> = transactions.open.iter().filter(of_this_kind).cloned().collect();
    if !open.is_empty() {
        // Preparing a plan takes longer than they should last.
        let verdict = if subject.is_prepared() { Verdict::Failed } else { Verdict::Warning };
        findings.add(verdict, listed(&open), how_to_end(&open, &transactions.at));
    }
    findings.or_ok(if prepared {
        "none".to_owned()
    } else {
        format!("none for more than {} s", OLD_TRANSACTION.as_secs())
    })
}
