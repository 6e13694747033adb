//! A worker that reads.

use std::sync::Arc;

use moray_client::GetOptions;

use super::attempt;
use super::balancer::{Balancer, was_cut_off};
use super::log::{Line, ReadLine, ReadResult};
use super::possible::{Possible, Seen};
use super::schedule::Schedule;
use super::shared::Shared;
use super::value::write_in;

/// Reads until the load stops.
pub(super) async fn run(shared: Arc<Shared>, worker: usize, mut schedule: Schedule) {
    let mut random =
        fastrand::Rng::with_seed(shared.options.seed.rotate_left(17) ^ !(worker as u64));
    let mut routers = shared.routers(worker);
    let mut stopping = shared.stopping.subscribe();
    loop {
        let (due, left_out) = schedule.next(tokio::time::Instant::now());
        shared.counters().left_out(0, left_out);
        if !shared.wait(&mut stopping, due).await {
            return;
        }
        let index = shared.choose_read(&mut random);
        let line = read(&shared, &mut routers, index, shared.clock.at(due)).await;
        if !shared.check_log(shared.log.add(&Line::Read(line))) {
            return;
        }
    }
}

async fn read(shared: &Shared, routers: &mut Balancer, index: usize, due: u64) -> ReadLine {
    let key = shared.keys.names(index).key;
    let start = shared.clock.now();
    let watch = shared.object(index, |possible| possible.watch());
    let options = GetOptions::default();
    let mut tries = routers.tries();
    let answer = loop {
        match routers.next().get_object("manta", &key, &options).await {
            Err(error) if was_cut_off(&error) && tries.another().await => {}
            answer => break answer,
        }
    };
    let end = shared.clock.now();
    let result = match answer {
        Ok(object) => ReadResult::Found {
            write: write_in(&object.value),
            etag: object.etag,
            node: attempt::node(object.node),
        },
        Err(error) if error.is_not_found() => ReadResult::Absent,
        Err(error) => ReadResult::Failed { error: attempt::name(&error) },
    };
    match seen(&result) {
        Some(seen) => {
            let explained = shared.object(index, |possible: &mut Possible| {
                let explained = watch.is_some_and(|watch| possible.explains(&watch, &seen));
                possible.observe(&seen, end);
                explained
            });
            let right = explained.unwrap_or(false);
            if !right {
                tracing::error!(key, ?seen, "a read did not see what was acknowledged");
            }
            shared.counters().answered(due, end, right);
        }
        None => shared.counters().read_failed(),
    }
    let (bucket, retries) = ("manta".to_owned(), tries.retries);
    ReadLine { due, start, end, bucket, key, result, retries }
}

/// The state that was seen, if the read did not fail.
pub(super) fn seen(result: &ReadResult) -> Option<Seen<'_>> {
    match result {
        ReadResult::Found { write: Some(write), etag, .. } => {
            Some(Seen::Written { write: *write, etag })
        }
        ReadResult::Found { write: None, etag, .. } => Some(Seen::Other { etag, hash: None }),
        ReadResult::Absent => Some(Seen::Absent),
        ReadResult::Failed { .. } => None,
    }
}
