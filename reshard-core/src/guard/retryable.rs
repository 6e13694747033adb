//! Tells which errors of the guard may pass, and what to do about those that do not.

use super::error::GuardError;
use crate::hint::{Hint, Operation, hint};
use crate::region::{OpenTransaction, how_to_end_at};
use crate::retryable::{Retryable, look};

/// The age in seconds from which on a transaction is one that somebody has to end.
const LASTS: i64 = 5;

impl Retryable for GuardError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Database(source) | Self::Canary { source, .. } => source.may_pass(),
            Self::Rows(source) => source.may_pass(),
            // What is there has to be looked at first, an earlier entry has to be replayed, or others have to end; then it can be
            // done again.
            Self::Commit(_)
            | Self::Busy { .. }
            | Self::LogNotEmpty { .. }
            | Self::Occupied { .. }
            | Self::NoPeace { .. } => true,
            Self::LeaseLost { .. }
            | Self::SchemaVersion { .. }
            | Self::State { .. }
            | Self::Unsafe { .. }
            | Self::Tables { .. }
            | Self::OtherPlan { .. }
            | Self::OtherSet { .. }
            | Self::VnodeTaken { .. }
            | Self::CanaryNotLogged { .. }
            | Self::Off { .. }
            | Self::LostTrack { .. }
            | Self::NotCaptured { .. }
            | Self::NotCopied { .. }
            | Self::TooLate { .. }
            | Self::NotACopy { .. }
            | Self::NoSequence { .. }
            | Self::Identity(_)
            | Self::OtherHash { .. }
            | Self::OtherVnodes { .. }
            | Self::Columns(_)
            | Self::UnknownBucket { .. }
            | Self::CopiedByAnother { .. }
            | Self::LogFull { .. } => false,
        }
    }

    fn remedy(&self) -> Hint {
        if let Self::Rows(source) = self {
            return source.remedy();
        }
        let Self::Busy { host, blockers, .. } = self else { return look() };
        // Those that have just begun are others by now, and in nobody's way for long.
        let lasts = |one: &&OpenTransaction| one.seconds >= LASTS;
        let mut open = blockers.iter().map(|one| &one.transaction).filter(lasts).peekable();
        if open.peek().is_none() {
            let text = format!(
                "the server {host} has much to do: wait until there are fewer transactions at a time; then "
            );
            return hint!(text, Operation::Resume);
        }
        hint!(how_to_end_at(open, host), "; then ", Operation::Resume)
    }
}

#[cfg(test)]
mod tests {
    use super::super::blockers::Blocker;
    use super::*;
    use crate::region::Holder;

    #[test]
    fn who_is_in_the_way_for_long_is_to_be_ended_and_nobody_else() {
        let blocker = |pid, seconds| {
            let (user, application) = ("moray".to_owned(), String::new());
            let (client, state) = ("10.0.0.7".to_owned(), "idle".to_owned());
            let holder = Holder::Session { pid, user, application, client, state };
            let transaction = OpenTransaction { holder, seconds };
            Blocker { transaction, query: "COMMIT".to_owned() }
        };
        let remedy = |blockers: Vec<Blocker>| {
            let host = "10.0.0.2".to_owned();
            let busy = GuardError::Busy { doing: "arm the move", host, attempts: 40, blockers };
            busy.remedy().to_string()
        };
        assert_eq!(
            remedy(vec![blocker(1, 0), blocker(2, 60)]),
            "ask who has it open; what nobody needs ends with `SELECT pg_terminate_backend(2)` in a session at 10.0.0.2; \
             then 'resume the plan'"
        );
        for moment in [vec![], vec![blocker(1, 0)]] {
            let told = remedy(moment);
            assert!(told.contains("much to do") && !told.contains("terminate"), "{told}");
        }
    }
}
