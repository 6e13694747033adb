//! A worker that writes. The keys are divided among the writers, so each key has one.

use std::sync::Arc;

use moray_client::{
    BatchOptions, BatchRequest, Client, DeleteOptions, Error, EtagCondition, PutOptions,
};

use super::attempt;
use super::balancer::{Balancer, was_not_sent};
use super::keys::Names;
use super::log::{Action, Change, Condition, Intent, Line, Outcome, OutcomeLine, WriteId};
use super::possible::{Ending, State};
use super::schedule::Schedule;
use super::shared::Shared;
use super::value;

/// The number of objects that are looked at for one that suits.
const TRIES: usize = 8;

/// The object that is chosen, and what to do with it.
struct Choice {
    index: usize,
    action: Action,
    condition: Condition,
    batch: bool,
}

/// Writes until the load stops.
pub(super) async fn run(shared: Arc<Shared>, worker: usize, mut schedule: Schedule) {
    let mut random = fastrand::Rng::with_seed(shared.options.seed ^ worker as u64);
    let mut routers = shared.routers(worker);
    let mut stopping = shared.stopping.subscribe();
    loop {
        let (due, left_out) = schedule.next(tokio::time::Instant::now());
        shared.counters().left_out(left_out, 0);
        if !shared.wait(&mut stopping, due).await {
            return;
        }
        let choice = choose(&shared, worker, &mut random);
        if !write(&shared, &mut routers, &choice, shared.clock.at(due)).await {
            return;
        }
    }
}

fn choose(shared: &Shared, worker: usize, random: &mut fastrand::Rng) -> Choice {
    let options = &shared.options;
    let (count, workers) = (shared.keys.count(), options.workers);
    let mine = (count.saturating_sub(worker)).div_ceil(workers).max(1);
    let mix = options.mix;
    let at = random.u32(..(mix.put_new + mix.overwrite + mix.delete).max(1));
    let mut choice = (worker % count, None);
    for _ in 0..TRIES {
        let index = worker + workers * random.usize(..mine);
        let known = shared.object(index, |possible| possible.known().cloned()).flatten();
        let is_absent = known == Some(State::Absent);
        choice = (index, known);
        if is_absent == (at < mix.put_new) {
            break;
        }
    }
    let (index, known) = choice;
    let delete = at >= mix.put_new + mix.overwrite && known != Some(State::Absent);
    let condition = match known {
        _ if random.f64() >= options.conditional_share => Condition::Any,
        Some(State::Absent) => Condition::Absent,
        Some(State::Written { etag: Some(etag), .. } | State::Seed { etag, .. }) => {
            Condition::Is(etag)
        }
        Some(State::Written { etag: None, .. }) | None => Condition::Any,
    };
    let action = if delete { Action::Delete } else { Action::Put };
    let batch = action == Action::Put && random.f64() < options.batch_share;
    Choice { index, action, condition, batch }
}

/// Makes one write. False if the log cannot be written.
async fn write(shared: &Shared, routers: &mut Balancer, choice: &Choice, due: u64) -> bool {
    let Choice { index, action, condition, batch } = choice;
    let names = shared.keys.names(*index);
    let (write, id) = (shared.new_write(), shared.new_attempt());
    let change = |bucket: &str, key: &String, write, condition| Change {
        bucket: bucket.to_owned(),
        key: key.clone(),
        action: *action,
        write,
        condition,
    };
    let mut changes = vec![change("manta", &names.key, write, condition.clone())];
    if *batch {
        let write = shared.new_write();
        changes.push(change("manta_uploads", &names.upload, write, Condition::Any));
    }
    let start = shared.clock.now();
    let state = match action {
        Action::Put => State::Written { write, etag: None },
        Action::Delete => State::Absent,
    };
    shared.object(*index, |possible| possible.begin(write, state, condition.clone(), start));
    let intent = Intent { id, due, start, batch: *batch, changes };
    let sent = intent.changes.clone();
    if !shared.check_log(shared.log.intent(intent)) {
        return false;
    }
    let mut tries = routers.tries();
    let result = loop {
        match send(routers.next(), &names, &sent, *batch).await {
            Err(error) if was_not_sent(&error) && tries.another().await => {}
            result => break result,
        }
    };
    let retries = tries.retries;
    let end = shared.clock.now();
    let outcome = result.unwrap_or_else(|error| attempt::failed_write(&error));
    count(shared, &outcome, due, end);
    ended(shared, *index, write, &outcome, end);
    shared.check_log(shared.log.add(&Line::Outcome(OutcomeLine { id, end, outcome, retries })))
}

async fn send(
    client: &Client,
    names: &Names,
    changes: &[Change],
    batch: bool,
) -> Result<Outcome, Error> {
    if batch {
        let requests: Vec<_> = changes.iter().map(|change| request(names, change)).collect();
        let answer = client.batch(&requests, &BatchOptions::default()).await?;
        let etag_of = |change: &Change| {
            let of_it = |etag: &&moray_client::BatchEtag| {
                etag.bucket == change.bucket && etag.key == change.key
            };
            answer.iter().find(of_it)?.etag.clone()
        };
        let etags = changes.iter().map(etag_of).collect();
        return Ok(Outcome::Acknowledged { etags, node: None });
    }
    let [Change { bucket, key, action, write, condition }] = changes else {
        return Ok(Outcome::Refused { error: "several changes, but no batch".to_owned() });
    };
    match action {
        Action::Put => {
            let etag = etag_condition(condition);
            let options = PutOptions { etag, ..PutOptions::default() };
            let value = value::object(names, *write);
            let put = client.put_object(bucket, key, &value, &options).await?;
            let (etags, node) = (vec![Some(put.etag)], attempt::node(put.node));
            Ok(Outcome::Acknowledged { etags, node })
        }
        Action::Delete => {
            let options = DeleteOptions { etag: etag_of(condition), ..DeleteOptions::default() };
            client.delete_object(bucket, key, &options).await?;
            Ok(Outcome::Acknowledged { etags: vec![None], node: None })
        }
    }
}

fn request(names: &Names, change: &Change) -> BatchRequest {
    let Change { bucket, key, action, write, condition } = change.clone();
    match action {
        Action::Put => {
            let etag = etag_condition(&condition);
            let of = if bucket == "manta" { value::object } else { value::upload };
            BatchRequest::Put { bucket, key, value: of(names, write), etag }
        }
        Action::Delete => BatchRequest::Delete { bucket, key, etag: etag_of(&condition) },
    }
}

/// The etag that a delete can ask for: that there be nothing is nothing to delete.
fn etag_of(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Any | Condition::Absent => None,
        Condition::Is(etag) => Some(etag.clone()),
    }
}

fn etag_condition(condition: &Condition) -> EtagCondition {
    match condition {
        Condition::Any => EtagCondition::Any,
        Condition::Absent => EtagCondition::Absent,
        Condition::Is(etag) => EtagCondition::Is(etag.clone()),
    }
}

fn count(shared: &Shared, outcome: &Outcome, due: u64, end: u64) {
    let mut counters = shared.counters();
    match outcome {
        Outcome::Acknowledged { .. } => counters.acknowledged(due, end),
        Outcome::Refused { .. } => counters.refused(),
        Outcome::Unknown { .. } => counters.unknown(),
    }
}

fn ended(shared: &Shared, index: usize, write: WriteId, outcome: &Outcome, end: u64) {
    let ending = match outcome {
        Outcome::Acknowledged { etags, .. } => {
            shared.is_recent(index);
            Ending::Acknowledged { etag: etags.first().cloned().flatten() }
        }
        Outcome::Refused { .. } => Ending::Refused,
        Outcome::Unknown { .. } => Ending::Unknown,
    };
    let result = shared.object(index, |possible| possible.end(write, ending, end, None));
    if result.is_some_and(|result| result.is_err()) {
        tracing::error!(%write, "a write was acknowledged whose condition cannot have been true");
    }
}
