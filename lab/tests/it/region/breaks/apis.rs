//! SAPI, IMGAPI, VMAPI and CNAPI.

use lab::{ApiFault, ApiName, Fault, FaultKind, Role};
use serde_json::{Value, json};

use super::super::started::Region;
use super::super::{curl, eventually, run};
use super::{cause, heal, status};

const APIS: [(ApiName, &str, &str); 4] = [
    (ApiName::Sapi, "sapi", "/applications"),
    (ApiName::Imgapi, "imgapi", "/images"),
    (ApiName::Vmapi, "vmapi", "/vms"),
    (ApiName::Cnapi, "cnapi", "/servers"),
];

pub(super) async fn every_api_fails_as_it_is_told(region: &Region) {
    for (api, name, path) in APIS {
        let url = region.url(name, path);
        for (kind, expected) in [(FaultKind::Error500, "500"), (FaultKind::Hang, "000")] {
            let fault = cause(region, Fault::Api { api, how: ApiFault::new(kind) }).await;
            assert_eq!(status(&[&url]), expected, "{api} {kind:?}");
            heal(region, fault).await;
            assert_eq!(status(&[&url]), "200", "{api} is healed of {kind:?}");
        }
        // Only the second request, and only of those to this path.
        let how = ApiFault {
            path: Some(path.to_owned()),
            after: 1,
            requests: Some(1),
            ..ApiFault::new(FaultKind::Error500)
        };
        cause(region, Fault::Api { api, how }).await;
        let ping = region.url(name, "/ping");
        let seen = [&url, &ping, &url, &ping, &url].map(|url| status(&[url]));
        assert_eq!(seen, ["200", "200", "500", "200", "200"], "{api}");
        assert_eq!(region.control.faults().await.unwrap(), [], "{api} is well by itself");
    }
}

/// Has the next POST act without an answer, and asks until what it changed is seen.
async fn posts_unheard(
    region: &Region,
    api: ApiName,
    url: &str,
    body: &Value,
    acted: impl Fn() -> bool,
) {
    assert!(!acted(), "{api} has acted before");
    let how = ApiFault {
        method: Some("POST".to_owned()),
        requests: Some(1),
        ..ApiFault::new(FaultKind::CutAfterActing)
    };
    cause(region, Fault::Api { api, how }).await;
    let body = body.to_string();
    let post = ["-X", "POST", "-H", "content-type: application/json", "-d", &body, url];
    assert_eq!(status(&post), "000", "{api} answered");
    eventually("it was done", async || acted()).await;
}

/// That SAPI does it with a PUT is in the walk through the region.
pub(super) async fn every_api_acts_and_cuts_the_connection(region: &Region) {
    let services = region.url("sapi", "/services?name=told");
    let application = region.lab.layout().application;
    let body = json!({"name": "told", "application_uuid": application});
    let acted = || curl(&[&services]).as_array().is_some_and(|found| found.len() == 1);
    posts_unheard(region, ApiName::Sapi, &region.url("sapi", "/services"), &body, acted).await;

    let image = region.url("imgapi", &format!("/images/{}", region.lab.layout().ring_image));
    let body = json!({"description": "told"});
    let acted = || curl(&[&image])["description"] == json!("told");
    let update = format!("{image}?action=update");
    posts_unheard(region, ApiName::Imgapi, &update, &body, acted).await;

    let zone = region.zone(Role::Webapi, 0).spec;
    let vm = region.url("vmapi", &format!("/vms/{}", zone.uuid));
    let body = json!({"alias": "told"});
    let acted = || curl(&[&vm])["alias"] == json!("told");
    let update = format!("{vm}?action=update");
    posts_unheard(region, ApiName::Vmapi, &update, &body, acted).await;
    let back = json!({"alias": zone.alias}).to_string();
    curl(&["-X", "POST", "-H", "content-type: application/json", "-d", &back, &update]);

    let server = region.url("cnapi", &format!("/servers/{}/execute", zone.server));
    let root = region.lab.directory().server_root(zone.server);
    let body = json!({"script": "echo told >>/var/tmp/told", "json": true});
    let told = root.join("var/tmp/told");
    let acted = || std::fs::read_to_string(&told).is_ok_and(|text| text == "told\n");
    posts_unheard(region, ApiName::Cnapi, &server, &body, acted).await;
}

pub(super) async fn a_corrupt_image_has_another_checksum(region: &Region) {
    let image = region.lab.layout().ring_image;
    let url = region.url("imgapi", &format!("/images/{image}"));
    let sha1 = curl(&[&url])["files"][0]["sha1"].as_str().unwrap().to_owned();
    let downloaded = || {
        let sum = run("sh", &["-c", &format!("curl -sS {url}/file | sha1sum")]);
        sum.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(downloaded(), sha1);
    let corrupt = cause(region, Fault::Image { image }).await;
    assert_ne!(downloaded(), sha1);
    let twice = region.control.cause(&Fault::Image { image }).await.unwrap_err();
    assert!(twice.to_string().contains("broken already"), "twice would be whole: {twice}");
    heal(region, corrupt).await;
    assert_eq!(downloaded(), sha1);
}
