//! A Moray whose primary changes, by a node of ZooKeeper that somebody else writes, and one whose database refuses.

mod following;
mod limits;
mod load;
mod refusals;
mod switch;

use self::switch::Switch;

#[tokio::test(flavor = "multi_thread")]
async fn a_moray_goes_where_its_switch_points() {
    let mut switch = Switch::start().await;
    following::sessions_come_from_the_zones_own_address(&switch).await;
    following::no_request_fails_when_the_primary_changes(&switch).await;
    following::requests_end_where_they_have_begun(&switch).await;
    following::requests_wait_at_a_closed_port(&switch).await;
    following::without_a_state_the_election_counts(&switch).await;
    refusals::a_guard_has_its_own_words(&switch).await;
    limits::nobody_waits_for_ever(&switch).await;
    limits::broken_sessions_fail_a_request_each(&switch).await;
    limits::an_edited_configuration_outlives_its_moray(&mut switch).await;
    limits::broken_sessions_are_found(&switch).await;
    limits::so_many_wait(&switch).await;
    limits::without_anybody_it_ends(&mut switch).await;
}
