//! Words to an executor that may not be there.

use std::time::Duration;

use reshard_core::{
    Configuration, Deployment, ExecutorError, Journal, Liveness, SqliteJournal, Standing, epoch_of,
    refuse_if_over,
};

use super::error::{Error, Result};
use super::place::ConfigFile;
use crate::output::say;

/// The longest that ZooKeeper may take to tell which copy of a plan is the latest.
const PATIENCE: Duration = Duration::from_secs(3);

/// Finds who hears what is said to a plan. A plan that is over hears nothing, nor does an older copy of one.
pub(super) async fn listener(config: &ConfigFile, store: &SqliteJournal) -> Result<Liveness> {
    refuse_if_over(store).await?;
    let asked = tokio::time::timeout(PATIENCE, latest(config, store)).await;
    match asked.unwrap_or(Err(None)) {
        Ok(None) => {}
        Ok(Some(older)) => return Err(older.into()),
        Err(error) => {
            let why = error.map_or_else(
                || format!("no answer within {} s", PATIENCE.as_secs()),
                |error| error.to_string(),
            );
            say(format_args!("ZooKeeper does not tell whether this file is the latest: {why}"));
        }
    }
    Ok(Liveness::of(store, jiff::Timestamp::now()).await?)
}

/// ZooKeeper's objection to the file.
async fn latest(
    config: &ConfigFile,
    store: &SqliteJournal,
) -> std::result::Result<Option<ExecutorError>, Option<Error>> {
    let asking = async {
        let deployment = Deployment::connect(Configuration::read(config.path())?).await?;
        let plan = store.plan().await?.uuid;
        let epoch = epoch_of(&deployment, plan).await;
        deployment.close().await;
        let epoch = epoch?;
        let older = Standing::of(store, epoch.as_ref()).await? == Standing::Older;
        Ok::<_, Error>(epoch.filter(|_| older).map(|latest| ExecutorError::OlderCopy {
            plan,
            file: store.place(),
            latest: Box::new(latest),
        }))
    };
    asking.await.map_err(Some)
}

/// The time when something takes effect that `then` names: now, or with the next executor.
pub(super) fn when(liveness: &Liveness, now: &str, then: &str) -> String {
    match liveness {
        Liveness::Alive(_) => now.to_owned(),
        Liveness::NotResponding { presence, silent_seconds } => {
            format!(
                "{now} But the executor ({presence}) has not said anything for {silent_seconds} s."
            )
        }
        Liveness::Nobody => format!("Nobody executes the plan: {then}"),
        Liveness::Dead(presence) => format!("The executor ({presence}) is dead: {then}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use reshard_core::Presence;

    use super::*;

    #[test]
    fn it_is_said_when_it_takes_effect() {
        let at = Timestamp::UNIX_EPOCH;
        let host = "headnode".to_owned();
        let presence =
            Presence { token: 1, host, pid: 77, session: 1, since: at, heartbeat: at, left: None };
        let said = |liveness| when(&liveness, "It stops.", "later.");
        assert_eq!(said(Liveness::Alive(presence.clone())), "It stops.");
        assert_eq!(said(Liveness::Nobody), "Nobody executes the plan: later.");
        let dead = "The executor (process 77 on headnode) is dead: later.";
        assert_eq!(said(Liveness::Dead(presence.clone())), dead);
        let silent = Liveness::NotResponding { presence, silent_seconds: 12 };
        assert!(said(silent).ends_with("(process 77 on headnode) has not said anything for 12 s."));
    }
}
