//! The work of the SAPI client besides asking.

use sapi_client::manta::MantaApplication;
use sapi_client::sapi::{Application, ApplicationFilter, InstanceFilter, NewInstance};
use sapi_client::{ErrorKind, Unreadable};
use serde_json::{Value, json};

use crate::support::{Act, Server, json, recording, reply};

const MANTA: &str = "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10";
const OTHER: &str = "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d01";
const IMAGE: &str = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";

fn not_found() -> Act {
    json(404, &json!({"code": "ResourceNotFound", "message": "no"}))
}

#[tokio::test]
async fn lists_hold_what_was_asked_for_each_once() {
    let manta = json!({"uuid": MANTA, "name": "manta", "metadata": {"a": 1}});
    let other = json!({"uuid": OTHER, "name": "sdc"});
    let server = Server::script([json(200, &json!([other, manta, manta]))]).await;
    let named = |name: &str| ApplicationFilter {
        name: Some(name.to_owned()),
        include_master: true,
        ..Default::default()
    };
    let listed = server.sapi().list_applications(&named("manta")).await.unwrap();
    assert_eq!(listed.iter().map(|app| app.uuid.to_string()).collect::<Vec<_>>(), [MANTA]);
    // An empty filter is none to SAPI.
    assert_eq!(server.sapi().list_applications(&named("")).await.unwrap(), []);
    assert_eq!(
        server.sapi().list_applications(&ApplicationFilter::default()).await.unwrap().len(),
        2
    );
    assert_eq!(server.sapi().find_manta().await.unwrap().uuid().to_string(), MANTA);
}

#[tokio::test]
async fn two_datacenters_that_disagree_are_an_error() {
    let instance = |shard: &str| json!({"uuid": MANTA, "metadata": {"SHARD": shard}});
    let server = Server::script([json(200, &json!([instance("1"), instance("2")]))]).await;
    let error = server.sapi().list_instances(&InstanceFilter::default()).await.unwrap_err();
    let wanted = Unreadable::Contradiction(MANTA.to_owned());
    assert!(
        matches!(error.kind(), ErrorKind::Unreadable(problem) if *problem == wanted),
        "{error}"
    );
}

#[tokio::test]
async fn a_404_needs_no_body() {
    let recorded = ["159-app-delete-again", "156-svc-delete-again", "150-inst-delete-again"];
    for name in recorded {
        let server = Server::script([recording("sapi", name).act()]).await;
        let error = server.sapi().delete_application(MANTA.parse().unwrap()).await.unwrap_err();
        assert!(
            error.is_not_found() && !error.outcome_unknown() && !error.is_retryable(),
            "{error}"
        );
    }
    let server = Server::script([reply(404, &[], b"")]).await;
    assert!(
        server.sapi().get_configs(MANTA.parse().unwrap(), None).await.unwrap_err().is_not_found()
    );
}

#[tokio::test]
async fn another_servers_404_does_not_mean_that_the_thing_is_missing() {
    let path = format!("/instances/{MANTA} does not exist");
    for act in [
        json(404, &json!({"code": "ResourceNotFound", "message": path})),
        reply(404, &[("Content-Type", "text/html")], b"<html>nginx</html>"),
    ] {
        let server = Server::script([act]).await;
        let error = server.sapi().create_instance(&new_instance()).await.unwrap_err();
        assert!(!error.is_not_found() && error.status() == Some(404), "{error}");
        assert_eq!(server.seen().len(), 1, "nothing is created there");
    }
}

#[tokio::test]
async fn a_change_of_nothing_is_not_found_though_it_is_a_500() {
    for name in [
        "070-app-update-unknown-uuid",
        "100-svc-update-unknown",
        "131-inst-update-unknown",
        "197-full-app-update-unknown",
    ] {
        let server = Server::script([recording("sapi", name).act()]).await;
        let change = sapi_client::sapi::Change::update();
        let error =
            server.sapi().change_application(MANTA.parse().unwrap(), change).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(500), None));
        assert!(
            error.is_not_found() && !error.is_retryable() && !error.outcome_unknown(),
            "{error}"
        );
    }
}

fn new_instance() -> NewInstance {
    NewInstance {
        uuid: MANTA.parse().unwrap(),
        service_uuid: OTHER.parse().unwrap(),
        params: None,
        metadata: None,
        manifests: None,
        master: Some(true),
        wait: false,
    }
}

#[tokio::test]
async fn nothing_is_created_over_what_is_there() {
    let server = Server::script([json(200, &json!({"uuid": MANTA}))]).await;
    let error = server.sapi().create_instance(&new_instance()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error}");
    assert!(!error.outcome_unknown());
    assert_eq!(server.lines(), [format!("GET /instances/{MANTA}")]);
}

#[tokio::test]
async fn an_instance_is_created_once_and_its_job_is_told() {
    let answer = recording("sapi", "177-full-inst-create-async");
    let server = Server::script([not_found(), answer.act()]).await;
    let instance = server.sapi().create_instance(&new_instance()).await.unwrap();
    assert_eq!(
        instance.job_uuid.map(|job| job.to_string()).as_deref(),
        answer.answer_json().unwrap()["job_uuid"].as_str()
    );
    let body = server.seen()[1].json();
    assert_eq!(body, json!({"uuid": MANTA, "service_uuid": OTHER, "master": true, "async": true}));

    let server = Server::script([not_found(), crate::support::cut()]).await;
    let error = server.sapi().create_instance(&new_instance()).await.unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn vmapis_words_come_through_sapi() {
    let server =
        Server::script([not_found(), recording("sapi", "181-full-inst-create-vmapi-409").act()])
            .await;
    let error = server.sapi().create_instance(&new_instance()).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(409), Some("ValidationFailed")));
    assert_eq!(error.field_errors()[0].field.as_deref(), Some("image_uuid"));
    let vm = json(200, &json!({"uuid": MANTA, "type": "vm"}));
    let server =
        Server::script([vm, recording("sapi", "186-full-inst-upgrade-job-fails").act()]).await;
    let error = server
        .sapi()
        .reprovision(MANTA.parse().unwrap(), IMAGE.parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ReprovisionFailedError"));
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn an_agent_is_never_reprovisioned() {
    let server = Server::script([json(200, &json!({"uuid": MANTA, "type": "agent"}))]).await;
    let error = server
        .sapi()
        .reprovision(MANTA.parse().unwrap(), IMAGE.parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn configs_are_fetched_when_they_changed() {
    let recorded = recording("sapi", "145-config-get");
    let server =
        Server::script([recorded.act(), recording("sapi", "146-config-get-304").act()]).await;
    let configs = server.sapi().get_configs(MANTA.parse().unwrap(), None).await.unwrap().unwrap();
    assert!(configs.metadata.get("ZONE_UUID").is_some());
    let etag = configs.etag.clone().unwrap();
    assert_eq!(server.sapi().get_configs(MANTA.parse().unwrap(), Some(&etag)).await.unwrap(), None);
    assert_eq!(server.seen()[1].header("if-none-match"), Some(etag.as_str()));
}

#[tokio::test]
async fn mantas_metadata_is_typed() {
    let application = recording("sapi", "008-app-create").answer_json().unwrap();
    let server = Server::script([json(200, &Value::Array(vec![application]))]).await;
    let manta = server.sapi().find_manta().await.unwrap();
    assert_eq!(server.lines(), ["GET /applications?name=manta&include_master=true"]);
    assert_eq!((manta.region().unwrap(), manta.dns_domain().unwrap()), ("golden", "example.com"));
    assert_eq!(manta.domain_name().unwrap(), "golden.example.com");
    assert_eq!(manta.storage_moray_shard().unwrap(), "1.moray.golden.example.com");
    assert_eq!(manta.hash_ring_image().unwrap().to_string(), IMAGE);
    assert_eq!(manta.hash_ring_imgapi().unwrap().as_str(), "http://imgapi.golden-1.example.com");
    let zk: Vec<_> =
        manta.zk_servers().unwrap().into_iter().map(|zk| (zk.host, zk.port, zk.num)).collect();
    let host = |n: u64| (format!("10.77.77.{n}"), 2181, Some(n));
    assert_eq!(zk, [host(1), host(2), host(3)]);
    let shards = manta.index_shards().unwrap();
    let stored = manta.application().metadata.as_ref().unwrap().get("INDEX_MORAY_SHARDS").unwrap();
    assert_eq!(shards.to_value().to_string(), stored.to_string());
    assert_eq!(manta.poseidon().unwrap_err().problem.to_string(), "is missing");
    let server = Server::script([json(200, &json!([]))]).await;
    assert!(server.sapi().find_manta().await.is_err());
}

#[test]
fn ids_that_others_read_as_they_stand_are_in_lower_case() {
    // IMGAPI answers 404 to upper case (recorded in golden-http/imgapi/007-get-upper-uuid), and electric-moray's setup asks it
    // for whatever text is there.
    for (key, text, is_one) in [
        ("HASH_RING_IMAGE", IMAGE.to_owned(), true),
        ("HASH_RING_IMAGE", IMAGE.to_uppercase(), false),
        ("POSEIDON_UUID", MANTA.to_owned(), true),
        ("POSEIDON_UUID", MANTA.to_uppercase(), false),
    ] {
        let application = json!({"uuid": MANTA, "metadata": {key: text}});
        let application: Application = serde_json::from_value(application).unwrap();
        let manta = MantaApplication::from(application);
        let read = match key {
            "HASH_RING_IMAGE" => manta.hash_ring_image().map(drop),
            _ => manta.poseidon().map(drop),
        };
        match read {
            Ok(()) => assert!(is_one, "{text}"),
            Err(error) => {
                assert!(!is_one, "{text}");
                assert_eq!(error.problem.to_string(), "is not a UUID in lower case");
            }
        }
    }
}
