//! Requests that Moray had when the last router began to refuse writes.
//!
//! A request waits in Moray for a session with the primary, some seconds at most, and goes on though the router that sent it
//! is gone. So its transaction can begin after those that are open were listed. Moray tells which requests it is at, from the
//! moment at which it has read them until their transactions are over. What a router had sent has reached Moray's zone when
//! the router's successor answers; between two answers of a process, one after the other, its loop has read what was there.
//! So nothing that was sent before is unknown to the second answer, and what is in that one is waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::Mutex;

use super::facts::MORAY_PROCESSES;
use crate::deployment::{Deployment, MonitorError};
use crate::inventory::{InventoryError, zone_facts, zones_of};
use crate::morays::{LONGEST_CLAIM, MorayProcess, moray_processes, pending_writes};
use crate::phase::{Context, PhaseError, PhaseResultExt, Poll, Wait};

/// The longest that the queues may last: no longer than the transactions after them.
const LIMIT: Duration = Duration::from_secs(30);

/// The knowledge of a process's requests.
enum Queue {
    /// Nothing yet.
    Unseen,
    /// Those that were there and are still: of which process, and which.
    Left(String, BTreeSet<String>),
    /// They are over.
    Over,
}

/// Finds the source's Moray processes, so that nothing need be looked for while writes are refused.
pub(super) async fn find_processes(context: &Context) -> Result<Vec<MorayProcess>, PhaseError> {
    let (deployment, source) = (context.deployment(), context.plan().source());
    let what = || format!("the Moray zones of {source} cannot be found");
    let sapi = deployment.sapi().or_phase_error(what())?;
    let manta = sapi.find_manta().await.map_err(InventoryError::from).or_phase_error(what())?;
    let zones =
        zones_of(deployment, &manta, "moray", source.as_str()).await.or_phase_error(what())?;
    let mut processes = Vec::new();
    for zone in &zones {
        let zone = zone_facts(zone).or_phase_error(what())?;
        match moray_processes(deployment, &zone.place, &zone.ip).await {
            Ok(found) => processes.extend(found),
            // Its queue is waited for by the clock.
            Err(error) => {
                context
                    .note(format!("{} does not tell of its processes: {error}", zone.alias))
                    .await?;
                let (zone, instance) = (zone.place.zone, "moray".to_owned());
                processes.push(MorayProcess { zone, instance, kang: None });
            }
        }
    }
    context.put(&MORAY_PROCESSES, &processes).await?;
    Ok(processes)
}

/// Waits until no request that was sent before now can begin a transaction at the source any more.
pub(super) async fn is_over(context: &Context) -> Result<(), PhaseError> {
    let began = context.monotonic();
    let processes = match context.get(&MORAY_PROCESSES).await? {
        Some(processes) => processes,
        None => find_processes(context).await?,
    };
    let deployment = context.deployment();
    let queues = processes.iter().map(|process| (process, Queue::Unseen)).collect::<Vec<_>>();
    let queues = Mutex::new(queues);
    let restarts: Vec<String> = processes
        .iter()
        .map(|one| format!("`zlogin {} svcadm restart {}`", one.zone, one.instance))
        .collect();
    let waiting = Wait {
        what: "requests that Moray had before writes were refused".to_owned(),
        hint: format!(
            "see what they wait for in pg_stat_activity of the source's primary; a process that is restarted gives its \
             requests up: {}",
            restarts.join(", ")
        )
        .into(),
    };
    let silent = context
        .wait(waiting, LIMIT, || async {
            let mut queues = queues.lock().await;
            let (mut left, mut silent) = (Vec::new(), Vec::new());
            for (process, queue) in queues.iter_mut() {
                let why = match look(deployment, process, queue).await {
                    Ok(0) => continue,
                    Ok(requests) => {
                        left.push(format!("{requests} of {process}"));
                        continue;
                    }
                    Err(why) => why,
                };
                silent.push(format!("{process}: {why}"));
            }
            // What nobody tells is over when Moray has given up on it.
            if left.is_empty() && (silent.is_empty() || context.since(began) >= LONGEST_CLAIM) {
                return Ok(Poll::Ready(silent));
            }
            left.extend(silent);
            Ok(Poll::Pending(None, left.join("; ")))
        })
        .await?;
    if !silent.is_empty() {
        let waited = LONGEST_CLAIM.as_secs();
        context.note(format!(
            "waited {waited} s, the longest that a request waits in Moray, for what does not tell its requests: {}",
            silent.join("; ")
        )).await?;
    }
    Ok(())
}

/// Looks at a process once more. Returns how many of its requests are left; the error tells why it does not say.
async fn look(
    deployment: &Deployment,
    process: &MorayProcess,
    queue: &mut Queue,
) -> Result<usize, String> {
    if matches!(queue, Queue::Over) {
        return Ok(0);
    }
    let kang = process.kang.as_deref().ok_or("it has no kang")?;
    let failed = |error: MonitorError| crate::causes::Chain(&error).to_string();
    let now = pending_writes(deployment, kang).await.map_err(failed)?;
    let left = match queue {
        Queue::Unseen => {
            let second = pending_writes(deployment, kang).await.map_err(failed)?;
            // Another process by now: nothing is known of it, but that it may have older requests in its sockets.
            if second.process != now.process {
                return Err("it was restarted just now".to_owned());
            }
            second.requests
        }
        // With the process its requests have ended.
        Queue::Left(of, _) if *of != now.process => BTreeSet::new(),
        Queue::Left(_, left) => left.intersection(&now.requests).cloned().collect(),
        Queue::Over => BTreeSet::new(),
    };
    let count = left.len();
    *queue = if left.is_empty() { Queue::Over } else { Queue::Left(now.process, left) };
    Ok(count)
}
