//! The executor of a plan, and whether it is alive.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::{Journal, JournalError};
use crate::clock::host;

/// The interval at which an executor says that it is alive.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);
/// The greatest age of the last heartbeat of a living executor: the disk and whoever else writes the file may delay one.
const SILENCE: Duration = Duration::from_secs(10);

/// The executor that claimed a plan last, as it wrote of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The token of the plan's lock: higher than that of every executor before.
    pub token: u64,
    /// The machine or zone.
    pub host: String,
    /// The process there.
    pub pid: u32,
    /// The session with ZooKeeper that the plan's lock goes with.
    pub session: i64,
    /// The time at which it claimed the plan.
    pub since: Timestamp,
    /// The time at which it was alive last.
    pub heartbeat: Timestamp,
    /// The time at which it left the plan in order; absent for one that is at work, or died.
    pub left: Option<Timestamp>,
}

/// Names it: `process 77 on headnode`.
impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// The liveness of a plan's executor, if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "liveness", rename_all = "kebab-case")]
pub enum Liveness {
    /// Nobody: no executor has begun, or the last one left in order.
    Nobody,
    /// An executor is at work.
    Alive(Presence),
    /// Its process may be there, and has not said anything for some time: it is stopped, hangs, or cannot write the plan file. On
    /// another machine it may as well be dead.
    NotResponding {
        /// The executor.
        #[serde(flatten)]
        presence: Presence,
        /// For how many seconds it has not said anything.
        silent_seconds: u64,
    },
    /// It ended without leaving: it was killed, or its machine was restarted.
    Dead(Presence),
}

impl Liveness {
    /// Tells whether somebody executes the plan of this store.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn of(store: &dyn Journal, now: Timestamp) -> Result<Self, JournalError> {
        Ok(judge(store.presence().await?, now, &host(), process_exists))
    }

    /// Tells whether what is said to the executor may be heard.
    pub fn is_at_work(&self) -> bool {
        matches!(self, Self::Alive(_) | Self::NotResponding { .. })
    }

    /// The executor, unless there is nobody.
    pub fn presence(&self) -> Option<&Presence> {
        match self {
            Self::Nobody => None,
            Self::Alive(presence) | Self::NotResponding { presence, .. } | Self::Dead(presence) => {
                Some(presence)
            }
        }
    }
}

/// A process's number may be another's by now, so that it exists proves nothing; the heartbeat decides. That it does not exist
/// proves everything, on its own machine.
fn judge(
    presence: Option<Presence>,
    now: Timestamp,
    host: &str,
    exists: impl FnOnce(u32) -> bool,
) -> Liveness {
    let Some(presence) = presence.filter(|presence| presence.left.is_none()) else {
        return Liveness::Nobody;
    };
    if presence.host == host && !exists(presence.pid) {
        return Liveness::Dead(presence);
    }
    // Of the future it is after the clock was set back: by more than that, it is as good as none.
    let silent = now.duration_since(presence.heartbeat).unsigned_abs();
    if silent > SILENCE {
        return Liveness::NotResponding { presence, silent_seconds: silent.as_secs() };
    }
    Liveness::Alive(presence)
}

fn process_exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    // What may not be asked is there.
    test_kill_process(pid) != Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn presence() -> Presence {
        Presence {
            token: 3,
            host: "here".to_owned(),
            pid: 77,
            session: 1,
            since: at(1_000),
            heartbeat: at(2_000),
            left: None,
        }
    }

    #[test]
    fn the_heartbeat_decides_and_a_missing_process_proves_death() {
        let alive = Liveness::Alive(presence());
        let dead = Liveness::Dead(presence());
        let silent =
            |silent_seconds| Liveness::NotResponding { presence: presence(), silent_seconds };
        for (now, host, exists, expected) in [
            (2_001, "here", true, alive.clone()),
            (2_010, "here", true, alive.clone()),
            (2_011, "here", true, silent(11)),
            // The process is there, or another of its number.
            (9_000, "here", true, silent(7_000)),
            (2_001, "here", false, dead.clone()),
            (9_000, "here", false, dead),
            // Of other machines' processes nothing is known.
            (2_001, "elsewhere", false, alive.clone()),
            (2_060, "elsewhere", false, silent(60)),
            // The clock was set back: a little, and by an hour.
            (1_995, "here", true, alive),
            (1_000, "here", true, silent(1_000)),
        ] {
            let judged = judge(Some(presence()), at(now), host, |_| exists);
            assert_eq!(judged, expected, "at {now} on {host}, process: {exists}");
        }
    }

    #[test]
    fn nobody_is_there_before_the_first_and_after_one_has_left() {
        let left = Presence { left: Some(at(2_000)), ..presence() };
        for presence in [None, Some(left)] {
            assert_eq!(judge(presence, at(2_001), "here", |_| true), Liveness::Nobody);
        }
    }

    #[test]
    fn processes_that_exist() {
        assert!(process_exists(std::process::id()));
        // Signals to it are refused, unless the test is root.
        assert!(process_exists(1));
        assert!(!process_exists(0) && !process_exists(u32::MAX));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!process_exists(pid));
    }
}
