//! Requests from a client through haproxy and a router to Moray and PostgreSQL.

mod objects;
mod refusals;
pub(crate) mod region;

use region::Region;

#[tokio::test]
async fn requests_go_through_the_routers_to_their_shards() {
    let mut region = Region::start().await;
    objects::objects_come_and_go(&region).await;
    objects::batches_leave_no_vnode(&region).await;
    objects::searches_find(&region).await;
    objects::deletions_are_logged(&region).await;
    objects::all_shards_are_asked(&region).await;
    objects::what_was_there_is_found(&region).await;
    objects::puts_at_once(&region).await;
    refusals::requests_wait_for_a_session(&region).await;
    refusals::a_read_only_primary_says_so(&region).await;
    refusals::a_shard_without_entries_is_not_found(&mut region).await;
    refusals::a_new_primary_is_followed(&region).await;
    refusals::a_commit_that_nobody_confirms_is_no_success(&mut region).await;
    refusals::a_restarted_primary_is_found_again(&mut region).await;
    refusals::the_ring_is_held(&mut region).await;
    refusals::shards_are_refused(&mut region).await;
    refusals::a_router_that_is_down_is_passed_over(&mut region).await;
}
