//! `manatee-adm promote`.

use serde_json::json;

use super::super::eventually;
use super::super::started::Region;
use super::peers::{at, generation, rebuilt, state, whole, writes_go_on};

pub(super) async fn an_async_becomes_the_sync_and_then_the_primary(region: &Region) {
    let (primary, sync, peer) =
        (at(region, "/primary"), at(region, "/sync"), at(region, "/async/0"));
    let before = generation(region);
    let zone = primary.spec.uuid;
    let uuid = peer.spec.uuid;

    let refused = region.script(zone, &format!("manatee-adm promote -r sync -n {uuid}")).await;
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert!(refused.stderr.contains("is not sync"), "{refused:?}");
    let script = format!("echo no | manatee-adm promote -r async -n {uuid}");
    assert_eq!(region.script(zone, &script).await.exit_code, 1);
    assert_eq!(generation(region), before);

    // The longest of all times since the last replay is no matter here.
    let promoted = "Successfully promoted peer.";
    let script = format!("printf 'yes\\nyes\\n' | manatee-adm promote -r async -n {uuid} -i 0");
    let done = region.script(zone, &script).await;
    assert!(done.stdout.contains(promoted), "{done:?}");
    eventually("the async is the sync", async || {
        let state = state(region);
        state["sync"]["zoneId"] == json!(uuid)
            && state["async"][0]["zoneId"] == json!(sync.spec.uuid)
            && state["primary"]["zoneId"] == json!(zone)
            && state.get("promote").is_none()
    })
    .await;
    assert_eq!(generation(region), before + 1);
    writes_go_on(region).await;
    whole(region).await;

    // From another zone: the old primary's own sitter is deposed meanwhile.
    let script = format!("printf 'yes\\nyes\\n' | manatee-adm promote -r sync -n {uuid}");
    let done = region.script(sync.spec.uuid, &script).await;
    assert!(done.stdout.contains(promoted), "{done:?}");
    eventually("the sync is the primary", async || {
        let state = state(region);
        state["primary"]["zoneId"] == json!(uuid) && state["deposed"][0]["zoneId"] == json!(zone)
    })
    .await;
    assert_eq!(generation(region), before + 2);
    writes_go_on(region).await;
    rebuilt(region, &primary).await;
}
