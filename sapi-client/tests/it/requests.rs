//! Requests as they were recorded, built again.

use sapi_client::imgapi::{ImageFilter, ImageUpdate, NewImage, Text};
use sapi_client::sapi::{
    ApplicationFilter, Change, InstanceFilter, NewApplication, NewInstance, NewManifest,
    NewService, ServiceFilter, ServiceKind,
};
use sapi_client::{Attributes, Call, imgapi, sapi};
use serde_json::{Value, json};

use crate::support::{Recording, recording};

const APPLICATION: &str = "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10";
const SERVICE: &str = "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d01";
const INSTANCE: &str = "e1b2c3d4-1111-4a2b-8c3d-000000000001";
const IMAGE: &str = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";

fn id<U: std::str::FromStr>(text: &str) -> U {
    text.parse().ok().unwrap()
}

pub(crate) fn section(object: &Value, key: &str) -> Option<Attributes> {
    object.get(key).map(|section| section.as_object().unwrap().clone().into())
}

fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap().to_owned()
}

/// Method, path and body are those of the recording. Bodies are compared as JSON: curl's have blanks in them.
fn assert_same<A>(recording: &Recording, call: &Call<A>) {
    let request = call.request();
    let name = &recording.name;
    assert_eq!(request.method().as_str(), recording.method, "{name}");
    assert_eq!(request.path(), recording.path, "{name}");
    let body = request.body().map(|body| serde_json::from_slice::<Value>(body).unwrap());
    assert_eq!(body, recording.request_json(), "{name}");
    let header = |name: &str| {
        request.headers().iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(header("accept"), Some("application/json"), "{name}");
    assert_eq!(
        header("content-type"),
        body.map(|_| "application/json"),
        "{name}: anything else is ignored"
    );
}

/// The same, to the byte.
fn assert_equal<A>(recording: &Recording, call: &Call<A>) {
    assert_same(recording, call);
    let body = call.request().body().map(|body| String::from_utf8(body.to_vec()).unwrap());
    let recorded = recording.request_body.clone().map(|body| String::from_utf8(body).unwrap());
    assert_eq!(body, recorded, "{}", recording.name);
}

#[test]
fn sapi_reads_are_the_recorded_ones() {
    use sapi::request as r;
    let manta = || Some("manta".to_owned());
    let same = |name: &str| recording("sapi", name);
    assert_equal(&same("001-ping"), &r::ping());
    assert_equal(&same("client-20-get-mode"), &r::get_mode());
    let filter = ApplicationFilter { name: manta(), include_master: true, ..Default::default() };
    assert_equal(&same("client-02-list-apps"), &r::list_applications(&filter));
    let filter = ApplicationFilter { name: manta(), ..Default::default() };
    assert_equal(&same("client-03-list-apps-v2"), &r::list_applications(&filter));
    assert_equal(
        &same("005-apps-list-empty"),
        &r::list_applications(&ApplicationFilter::default()),
    );
    let filter = ServiceFilter {
        application_uuid: Some(id(APPLICATION)),
        name: Some("electric-moray".to_owned()),
        include_master: true,
        ..Default::default()
    };
    assert_equal(&same("089-svcs-list-by-app-name"), &r::list_services(&filter));
    let filter = ServiceFilter { kind: Some(ServiceKind::Agent), ..Default::default() };
    assert_equal(&same("090-svcs-list-by-type"), &r::list_services(&filter));
    let filter = InstanceFilter {
        service_uuid: Some(id(SERVICE)),
        include_master: true,
        ..Default::default()
    };
    assert_equal(&same("client-11-list-insts"), &r::list_instances(&filter));
    let filter = InstanceFilter { kind: Some(ServiceKind::Agent), ..Default::default() };
    assert_equal(&same("118-insts-list-type"), &r::list_instances(&filter));
    assert_equal(&same("141-mfest-list"), &r::list_manifests(false));
    assert_equal(&same("client-04-get-app"), &r::get_application(id(APPLICATION)));
    assert_equal(&same("093-svc-get"), &r::get_service(id(SERVICE)));
    assert_equal(&same("client-12-get-inst"), &r::get_instance(id(INSTANCE)));
    assert_equal(&same("124-inst-payload"), &r::get_payload(id(INSTANCE)));
    assert_equal(&same("145-config-get"), &r::get_configs(id(INSTANCE), None));
    let known = r::get_configs(id(INSTANCE), Some("etag"));
    assert_equal(&same("146-config-get-304"), &known);
    assert!(known.request().headers().contains(&("if-none-match", "etag".to_owned())));
}

#[test]
fn include_master_is_there_or_not() {
    let paths: Vec<String> = [false, true]
        .into_iter()
        .flat_map(|include_master| {
            [
                sapi::request::list_applications(&ApplicationFilter {
                    include_master,
                    ..Default::default()
                })
                .request()
                .path()
                .to_owned(),
                sapi::request::list_services(&ServiceFilter {
                    include_master,
                    ..Default::default()
                })
                .request()
                .path()
                .to_owned(),
                sapi::request::list_instances(&InstanceFilter {
                    include_master,
                    ..Default::default()
                })
                .request()
                .path()
                .to_owned(),
                sapi::request::list_manifests(include_master).request().path().to_owned(),
            ]
        })
        .collect();
    let bare = ["/applications", "/services", "/instances", "/manifests"];
    let with = bare.map(|path| format!("{path}?include_master=true"));
    assert_eq!(paths, [bare.map(str::to_owned), with].concat());
}

#[test]
fn every_call_to_sapi_and_imgapi_asks_for_version_2() {
    let asks = |headers: &[(&str, String)]| headers.contains(&("accept-version", "~2".to_owned()));
    assert!(asks(sapi::request::list_instances(&InstanceFilter::default()).request().headers()));
    assert!(asks(sapi::request::get_instance(id(INSTANCE)).request().headers()));
    assert!(asks(sapi::request::reprovision(id(INSTANCE), id(IMAGE)).request().headers()));
    assert!(asks(imgapi::request::get_image(id(IMAGE)).request().headers()));
    assert!(asks(imgapi::request::get_image_file(id(IMAGE)).headers()));
}

#[test]
fn sapi_writes_are_the_recorded_ones() {
    use sapi::request as r;
    let same = |name: &str| recording("sapi", name);
    for name in [
        "008-app-create",
        "009-app-create-no-uuid",
        "028-app-create-schema-ok",
        "client-01-create-app",
    ] {
        let recording = same(name);
        let body = recording.request_json().unwrap();
        let new = NewApplication {
            uuid: body["uuid"].as_str().map(id),
            name: text(&body, "name"),
            owner_uuid: id(&text(&body, "owner_uuid")),
            params: section(&body, "params"),
            metadata: section(&body, "metadata"),
            metadata_schema: section(&body, "metadata_schema"),
            manifests: section(&body, "manifests"),
            master: body["master"].as_bool(),
        };
        assert_same(&recording, &r::create_application(&new));
    }
    for name in [
        "076-svc-create-postgres",
        "079-svc-create-agent",
        "080-svc-create-no-uuid",
        "client-08-create-svc",
    ] {
        let recording = same(name);
        let body = recording.request_json().unwrap();
        let new = NewService {
            uuid: body["uuid"].as_str().map(id),
            name: text(&body, "name"),
            application_uuid: id(&text(&body, "application_uuid")),
            params: section(&body, "params"),
            metadata: section(&body, "metadata"),
            manifests: section(&body, "manifests"),
            master: body["master"].as_bool(),
            kind: body["type"].as_str().map(|_| ServiceKind::Agent),
        };
        assert_same(&recording, &r::create_service(&new));
    }
    for name in [
        "101-inst-create",
        "102-inst-create-v2",
        "176-full-inst-create",
        "177-full-inst-create-async",
        "client-10-create-inst",
    ] {
        let recording = same(name);
        let body = recording.request_json().unwrap();
        let new = NewInstance {
            uuid: id(&text(&body, "uuid")),
            service_uuid: id(&text(&body, "service_uuid")),
            params: section(&body, "params"),
            metadata: section(&body, "metadata"),
            manifests: section(&body, "manifests"),
            master: body["master"].as_bool(),
            wait: body.get("async").is_none(),
        };
        assert_same(&recording, &r::create_instance(&new));
    }
    let recording = same("138-mfest-create");
    let body = recording.request_json().unwrap();
    let new = NewManifest {
        uuid: body["uuid"].as_str().map(id),
        name: text(&body, "name"),
        path: text(&body, "path"),
        template: body["template"].clone(),
        post_cmd: Some(text(&body, "post_cmd")),
        version: Some(text(&body, "version")),
        master: None,
    };
    assert_same(&recording, &r::create_manifest(&new));
    assert_equal(
        &same("client-14-reprovision-inst"),
        &r::reprovision(id(INSTANCE), id("00000000-1111-4222-8333-444444444444")),
    );
    assert_equal(&same("client-15-delete-inst"), &r::delete_instance(id(INSTANCE)));
    assert_equal(&same("client-17-delete-svc"), &r::delete_service(id(SERVICE)));
    assert_equal(&same("client-18-delete-app"), &r::delete_application(id(APPLICATION)));
    assert_equal(
        &same("153-mfest-delete"),
        &r::delete_manifest(id("a0b1c2d3-0000-4000-8000-0000000000aa")),
    );
}

#[test]
fn changes_are_the_recorded_ones() {
    use sapi::request as r;
    let same = |name: &str| recording("sapi", name);
    let update = Change::update().metadata(Attributes::new().with("HASH_RING_IMAGE", IMAGE));
    assert_same(
        &same("056-app-update-action"),
        &r::change_application(id(APPLICATION), &update.into()),
    );
    let recorded = same("074-app-replace");
    let replace =
        Change::replace().metadata(section(&recorded.request_json().unwrap(), "metadata").unwrap());
    assert_same(&recorded, &r::change_application(id(APPLICATION), &replace.into()));
    let delete = Change::delete().metadata(Attributes::naming(["READ_ONLY"]));
    assert_same(&same("129-inst-update-delete"), &r::change_instance(id(INSTANCE), &delete));
    let delete = Change::delete().params(Attributes::naming(["tags"]));
    let body =
        r::change_service(id(SERVICE), &delete).request().body().map(<[u8]>::to_vec).unwrap();
    assert_eq!(String::from_utf8(body).unwrap(), r#"{"action":"delete","params":{"tags":null}}"#);
}

#[test]
fn imgapi_calls_are_the_recorded_ones() {
    use imgapi::request as r;
    let same = |name: &str| recording("imgapi", name);
    assert_equal(&same("client-01-ping"), &r::ping());
    assert_equal(&same("client-07-get"), &r::get_image(id(IMAGE)));
    assert_equal(&same("client-06-activate"), &r::activate_image(id(IMAGE)));
    let update = ImageUpdate {
        tags: Some(Attributes::new().with("manta_reshard_plan", "x")),
        ..Default::default()
    };
    assert_equal(&same("client-12-update"), &r::update_image(id(IMAGE), &update));
    let update = ImageUpdate { tags: Some(Attributes::new()), ..Default::default() };
    assert_same(&same("135-update-tags-empty"), &r::update_image(id(IMAGE), &update));
    let update = ImageUpdate { description: Some("new words".to_owned()), ..Default::default() };
    assert_same(&same("136-update-description"), &r::update_image(id(IMAGE), &update));
    let update = ImageUpdate {
        owner: Some(id("2e2b6c9f-4c4d-4a1b-8d2f-6e1d9c8b7a02")),
        ..Default::default()
    };
    assert_same(&same("141-update-owner"), &r::update_image(id(IMAGE), &update));
    assert_equal(&same("client-13-delete"), &r::delete_image(id(IMAGE)));
    assert_eq!(r::get_image_file(id(IMAGE)).path(), same("client-11-get-file").path);

    let sha1 = id("ed9dfc9ea2cf06d3c3c74444b841de832a9f66e0");
    let add = r::add_image_file(id(IMAGE), "gzip", &sha1);
    assert_eq!(add.request().path(), same("060-addfile-content-md5-bad").path);

    // What IMGAPI ignores is not sent.
    let recorded = same("client-02-import").request_json().unwrap();
    let ring =
        NewImage::ring(id(IMAGE), id(&text(&recorded, "owner")), "20261122T140000Z").unwrap();
    let tags = recorded["tags"].as_object().unwrap();
    let ring = tags.iter().fold(ring, |ring, (key, value)| ring.tag(key, value.clone()));
    let call = r::import_image(&ring, false);
    let mut expected = recorded.clone();
    for ignored in ["state", "files", "published_at"] {
        expected.as_object_mut().unwrap().shift_remove(ignored);
    }
    assert_eq!(
        String::from_utf8(call.request().body().unwrap().to_vec()).unwrap(),
        expected.to_string()
    );
    assert_eq!(call.request().path(), same("client-02-import").path);
    let unchecked = r::import_image(&ring, true);
    assert_eq!(
        unchecked.request().path(),
        format!("/images/{IMAGE}?action=import&skip_owner_check=true")
    );
}

#[test]
fn image_lists_are_the_recorded_ones_with_a_page_size() {
    let name = || Some(Text::Is("manta-hash-ring".to_owned()));
    let plan = "7d6c5b4a-3f2e-4d1c-8b0a-998877665544";
    let cases = [
        (
            "client-09-list",
            ImageFilter {
                name: name(),
                owner: Some(id("1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01")),
                ..Default::default()
            },
        ),
        (
            "client-10-list-tag",
            ImageFilter {
                name: name(),
                tags: vec![("manta_reshard_plan".to_owned(), plan.to_owned())],
                ..Default::default()
            },
        ),
    ];
    for (name, filter) in &cases {
        let call = imgapi::request::list_images(filter, 1000, None);
        assert_eq!(call.request().path(), format!("{}&limit=1000", recording("imgapi", name).path));
    }
    let filter = ImageFilter {
        name: Some(Text::Contains("ring & co".to_owned())),
        public: Some(false),
        ..Default::default()
    };
    let call = imgapi::request::list_images(&filter, 2, Some(id(IMAGE)));
    assert_eq!(
        call.request().path(),
        format!("/images?name=%7Ering+%26+co&public=false&limit=2&marker={IMAGE}")
    );
}

#[test]
fn vmapi_bodies_are_the_payload_itself() {
    use sapi_client::vmapi::request as r;
    let body = |call: &Call<_>| -> Value {
        serde_json::from_slice(call.request().body().unwrap()).unwrap()
    };
    let alias = id("1.postgres.coal.joyent.us-8a1d0b7e");
    let call = r::set_alias(id(INSTANCE), &alias);
    assert_eq!(call.request().path(), format!("/vms/{INSTANCE}?action=update"));
    assert_eq!(body(&call), json!({"alias": "1.postgres.coal.joyent.us-8a1d0b7e"}));
    assert_eq!(body(&r::reprovision(id(INSTANCE), id(IMAGE))), json!({"image_uuid": IMAGE}));
    for call in [r::start(id(INSTANCE)), r::stop(id(INSTANCE))] {
        assert_eq!(body(&call), json!({"idempotent": true}));
    }
    assert_eq!(body(&r::reboot(id(INSTANCE))), json!({}));
}
