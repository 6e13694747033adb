//! The plan's phases as its first executor had them: another executor must not skip one of them, nor change their order.

use super::{Executor, ExecutorError};
use crate::journal::{Journal, JournalError};
use crate::phase::facts::PHASE_SEQUENCE;

impl Executor {
    /// Refuses to go on with other phases than those that the plan was begun with.
    pub(super) async fn refuse_other_phases(&self) -> Result<(), ExecutorError> {
        let Some(recorded) = phase_sequence(&*self.store).await? else { return Ok(()) };
        let begun = self.store.phases().await?;
        let own: Vec<&str> = self.sequence.names().collect();
        match misfit(&recorded, &own, |name| begun.contains_key(name)) {
            Some(misfit) => {
                Err(ExecutorError::OtherPhases { plan: self.store.plan().await?.uuid, misfit })
            }
            None => Ok(()),
        }
    }

    /// Remembers this executor's phases as the plan's.
    pub(super) async fn remember_phases(&self) -> Result<(), ExecutorError> {
        let own: Vec<String> = self.sequence.names().map(str::to_owned).collect();
        if phase_sequence(&*self.store).await?.is_none_or(|recorded| recorded != own) {
            self.journal().put(&PHASE_SEQUENCE, &own).await?;
        }
        Ok(())
    }
}

/// The names of the plan's phases as its executors had them; `None` before the first.
///
/// # Errors
///
/// [`JournalError`]
pub async fn phase_sequence(store: &dyn Journal) -> Result<Option<Vec<String>>, JournalError> {
    store.get(&PHASE_SEQUENCE).await
}

/// The reason that an executor with its own phases cannot carry on a plan that was begun with the recorded ones.
fn misfit(recorded: &[String], own: &[&str], begun: impl Fn(&str) -> bool) -> Option<String> {
    if let Some(lacks) = recorded.iter().find(|name| !own.contains(&name.as_str())) {
        return Some(format!("it has the phase {lacks}, which this program does not know"));
    }
    let mut shared = own.iter().filter(|name| recorded.iter().any(|other| other == *name));
    if let Some((theirs, ours)) =
        recorded.iter().map(String::as_str).zip(&mut shared).find(|(theirs, ours)| theirs != *ours)
    {
        return Some(format!("its phase {theirs} comes where this program has {ours}"));
    }
    let last_begun = own.iter().rposition(|name| begun(name)).map_or(0, |last| last + 1);
    let late =
        own.iter().take(last_begun).find(|name| !recorded.iter().any(|other| other == *name));
    late.map(|late| {
        format!("it lacks this program's phase {late}, and what follows that has begun")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_phase_is_skipped_and_none_comes_too_late() {
        let recorded: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let fits =
            |own: &[&str], begun: &[&str]| misfit(&recorded, own, |name| begun.contains(&name));
        assert_eq!(fits(&["a", "b", "c"], &["a", "b", "c"]), None);
        assert_eq!(fits(&["a", "b", "x", "c", "y"], &["a", "b"]), None);
        let lacks = "it has the phase b, which this program does not know";
        assert_eq!(fits(&["a", "c"], &[]).as_deref(), Some(lacks));
        let order = "its phase b comes where this program has c";
        assert_eq!(fits(&["a", "c", "b"], &[]).as_deref(), Some(order));
        let late = "it lacks this program's phase x, and what follows that has begun";
        assert_eq!(fits(&["a", "x", "b", "c"], &["a", "b"]).as_deref(), Some(late));
        assert_eq!(fits(&["a", "x", "b", "c"], &["a"]), None);
    }
}
