//! The checks: each judges what was seen, and knows nothing of how.

mod guard;
mod locks;
mod morays;
mod ring;
mod routers;
mod servers;
mod shard;
mod shard_list;
mod tables;
mod transactions;
mod zones;

#[cfg(test)]
mod tests;

use super::evidence::{Evidence, Found};
use super::report::{Check, Findings};
use super::subject::Subject;
use super::unseen::{RING, SHARD_LIST, Unseen, why};

type CheckFn = fn(&Evidence, &Subject) -> Check;

/// All checks, in the order in which they are shown.
pub(super) const ALL: &[CheckFn] = &[
    shard::state,
    shard::mode,
    shard::roles,
    shard::replication,
    shard::writable,
    shard::lag,
    transactions::open,
    transactions::prepared,
    shard::versions,
    shard::sitters,
    tables::buckets,
    guard::holds,
    guard::connections,
    locks::freeze,
    locks::dump_lock,
    locks::dumps,
    locks::ring_lock,
    locks::plans,
    zones::agree,
    zones::overrides,
    zones::foreign,
    zones::names_free,
    shard_list::well_formed,
    shard_list::listed,
    shard_list::storage,
    shard_list::overridden,
    ring::readable,
    routers::online,
    routers::serve_the_ring,
    routers::know_the_shards,
    routers::config_agents,
    routers::locks,
    morays::tell_their_requests,
    servers::images,
    servers::imgapi,
    servers::running,
    servers::disk,
    servers::clocks,
];

/// The thing that was seen, or the end of the check: it cannot be made.
macro_rules! seen {
    ($findings:ident, $found:expr) => {
        match $found {
            Ok(seen) => seen,
            Err(why) => {
                $findings.blind(why);
                return $findings.or_ok("");
            }
        }
    };
}
use seen;

/// Names in a row: `a, b and 3 more`.
fn names(all: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// The thing that was seen, without taking it.
fn look<T>(found: &Found<T>) -> Result<&T, &Unseen> {
    found.as_ref()
}
