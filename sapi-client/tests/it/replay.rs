//! Every answer that was recorded from the real servers, read directly and over a connection.

use sapi_client::{Answer, Call, ErrorKind, Unreadable, imgapi, sapi};
use serde_json::Value;

use crate::support::{Recording, Server, recordings};

/// The reading of an answer: the typed object as JSON again, or what was wrong.
type Read = Result<Value, ErrorKind>;

/// A call with its answer's type forgotten.
struct Reader {
    read: Box<dyn Fn(&Answer) -> Read + Send + Sync>,
    effect: sapi_client::Effect,
}

fn reader<A: serde::Serialize + 'static>(call: Call<A>) -> Reader {
    let effect = call.request().effect();
    let read =
        move |answer: &Answer| call.read(answer).map(|value| serde_json::to_value(value).unwrap());
    Reader { read: Box::new(read), effect }
}

const ID: &str = "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10";

macro_rules! id {
    () => {
        ID.parse().unwrap()
    };
}

/// The call whose answer a recording is.
fn sapi_reader(recording: &Recording) -> Option<Reader> {
    use sapi::request as r;
    let path = recording.path.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let nothing = sapi::Change::update();
    Some(match (recording.method.as_str(), parts.as_slice()) {
        ("GET", ["ping"]) => reader(r::ping()),
        ("GET", ["mode"]) => reader(r::get_mode()),
        ("GET", ["applications"]) => {
            reader(r::list_applications(&sapi::ApplicationFilter::default()))
        }
        ("GET", ["services"]) => reader(r::list_services(&sapi::ServiceFilter::default())),
        ("GET", ["instances"]) => reader(r::list_instances(&sapi::InstanceFilter::default())),
        ("GET", ["manifests"]) => reader(r::list_manifests(false)),
        ("GET", ["applications", _]) => reader(r::get_application(id!())),
        ("GET", ["services", _]) => reader(r::get_service(id!())),
        ("GET", ["instances", _]) => reader(r::get_instance(id!())),
        ("GET", ["manifests", _]) => reader(r::get_manifest(id!())),
        ("GET", ["instances", _, "payload"]) => reader(r::get_payload(id!())),
        ("GET", ["configs", _]) => reader(r::get_configs(id!(), Some("etag"))),
        ("POST", ["applications"]) => reader(r::create_application(&new_application())),
        ("POST", ["services"]) => reader(r::create_service(&new_service())),
        ("POST", ["instances"]) => reader(r::create_instance(&new_instance())),
        ("POST", ["manifests"]) => reader(r::create_manifest(&new_manifest())),
        ("PUT", ["applications", _]) => reader(r::change_application(id!(), &nothing.into())),
        ("PUT", ["services", _]) => reader(r::change_service(id!(), &nothing)),
        ("PUT", ["instances", _]) => reader(r::change_instance(id!(), &nothing)),
        ("PUT" | "POST", ["instances", _, "upgrade"]) => reader(r::reprovision(id!(), id!())),
        ("DELETE", ["applications", ..]) => reader(r::delete_application(id!())),
        ("DELETE", ["services", _]) => reader(r::delete_service(id!())),
        ("DELETE", ["instances", _]) => reader(r::delete_instance(id!())),
        ("DELETE", ["manifests", _]) => reader(r::delete_manifest(id!())),
        // Ways of speaking to SAPI that this client does not have: POST /mode, /cache, GET /loglevel, HEAD, PATCH, and
        // paths that do not exist.
        _ => return None,
    })
}

fn imgapi_reader(recording: &Recording) -> Option<Reader> {
    use imgapi::request as r;
    let (path, query) = recording.path.split_once('?').unwrap_or((&recording.path, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let image = imgapi::NewImage::ring(id!(), id!(), "1").unwrap();
    let update = imgapi::ImageUpdate::default();
    let sha1 = "ed9dfc9ea2cf06d3c3c74444b841de832a9f66e0".parse().unwrap();
    Some(match (recording.method.as_str(), parts.as_slice()) {
        ("GET", ["ping"]) => reader(r::ping()),
        ("GET", ["images"]) => reader(r::list_images(&imgapi::ImageFilter::default(), 1000, None)),
        ("GET", ["images", _]) => reader(r::get_image(id!())),
        ("PUT", ["images", _, "file"]) => reader(r::add_image_file(id!(), "gzip", &sha1)),
        ("POST", ["images", _]) if query.contains("action=activate") => {
            reader(r::activate_image(id!()))
        }
        ("POST", ["images", _]) if query.contains("action=update") => {
            reader(r::update_image(id!(), &update))
        }
        ("POST", ["images", _] | ["images"]) => reader(r::import_image(&image, false)),
        ("DELETE", ["images", _]) => reader(r::delete_image(id!())),
        // GetImageFile is in `download`; besides HEAD, PATCH, PUT /images, /channels, /state and unknown paths.
        _ => return None,
    })
}

fn new_application() -> sapi::NewApplication {
    sapi::NewApplication {
        uuid: None,
        name: "manta".to_owned(),
        owner_uuid: id!(),
        params: None,
        metadata: None,
        metadata_schema: None,
        manifests: None,
        master: None,
    }
}

fn new_service() -> sapi::NewService {
    sapi::NewService {
        uuid: None,
        name: "postgres".to_owned(),
        application_uuid: id!(),
        params: None,
        metadata: None,
        manifests: None,
        master: None,
        kind: None,
    }
}

fn new_instance() -> sapi::NewInstance {
    sapi::NewInstance {
        uuid: id!(),
        service_uuid: id!(),
        params: None,
        metadata: None,
        manifests: None,
        master: None,
        wait: true,
    }
}

fn new_manifest() -> sapi::NewManifest {
    sapi::NewManifest {
        uuid: None,
        name: "m".to_owned(),
        path: "/m".to_owned(),
        template: Value::from("t"),
        post_cmd: None,
        version: None,
        master: None,
    }
}

/// Objects whose ids are no ids, or whose sections are no objects: this client neither makes nor takes them.
fn is_odd(body: &Value) -> bool {
    let odd = |value: Option<&Value>| {
        value.is_some_and(|id| {
            id.as_str().is_none_or(|id| id.parse::<sapi_client::InstanceUuid>().is_err())
        })
    };
    match body {
        Value::Array(elements) => elements.iter().any(is_odd),
        Value::Object(members) => {
            ["uuid", "owner_uuid", "service_uuid", "application_uuid", "owner"]
                .iter()
                .any(|key| odd(members.get(*key)))
                || ["metadata", "params", "tags"]
                    .iter()
                    .any(|key| members.get(*key).is_some_and(|v| !v.is_object()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Checks what was read against the answer itself. Gives a word for the kind of case.
fn check(recording: &Recording, read: &Read) -> &'static str {
    let Recording { name, answer, .. } = recording;
    let answer = answer.as_ref().unwrap();
    let json_type =
        answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    match read {
        Ok(Value::Null) => {
            assert!(
                answer.status == 304 || (answer.body.is_empty() && answer.status < 300),
                "{name}"
            );
            "no body"
        }
        Ok(value) => {
            let mut body = recording.answer_json().unwrap();
            if name.contains("tags-null") || name.contains("metadata-null") {
                body = without_nulls(body);
            }
            assert_eq!(*value, body, "{name}: every member is kept");
            "object"
        }
        Err(ErrorKind::Server(error)) => {
            assert_eq!(error.status, answer.status, "{name}");
            assert!(error.status >= 300, "{name}");
            let body = if json_type { recording.answer_json() } else { None };
            let member =
                |key: &str| body.as_ref().and_then(|body| body[key].as_str()).map(str::to_owned);
            assert_eq!(
                (&error.code, &error.message),
                (&member("code"), &member("message")),
                "{name}"
            );
            let fields = body
                .as_ref()
                .and_then(|body| body["errors"].as_array().cloned())
                .unwrap_or_default();
            assert_eq!(error.fields.len(), fields.len(), "{name}");
            for (field, sent) in error.fields.iter().zip(fields) {
                assert_eq!(field.field.as_deref(), sent["field"].as_str(), "{name}");
                assert_eq!(field.code.as_deref(), sent["code"].as_str(), "{name}");
            }
            "error"
        }
        Err(ErrorKind::Unreadable(Unreadable::NotJsonType(_))) => {
            assert!(!json_type, "{name}");
            "not JSON"
        }
        Err(ErrorKind::Unreadable(Unreadable::Shape { .. })) => {
            assert!(is_odd(&recording.answer_json().unwrap()), "{name}: {read:?}");
            "odd object"
        }
        Err(other) => panic!("{name}: {other:?}"),
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, value| !value.is_null());
    }
    value
}

/// Reads every answer as it is, and then from a server that says it again byte for byte.
async fn replay(
    api: &'static str,
    reader: fn(&Recording) -> Option<Reader>,
) -> Vec<(&'static str, usize)> {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    let mut count = |kind| match counts.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, count)) => *count += 1,
        None => counts.push((kind, 1)),
    };
    for recording in recordings(api) {
        let Some(reader) = reader(&recording) else {
            count("not called");
            continue;
        };
        let server = Server::script([recording.act()]).await;
        let wire = over_the_wire(&server, &recording).await;
        let Some(answer) = &recording.answer else {
            let cut = wire.unwrap_err();
            assert!(matches!(cut, ErrorKind::Cut(_)), "{}: {cut:?}", recording.name);
            count(if reader.effect == sapi_client::Effect::Read {
                "cut read"
            } else {
                "cut write"
            });
            continue;
        };
        count(check(&recording, &(reader.read)(answer)));
        let wire = wire.unwrap();
        assert_eq!((wire.status, &wire.body), (answer.status, &answer.body), "{}", recording.name);
        for name in ["x-request-id", "etag", "content-type", "content-md5"] {
            assert_eq!(wire.header(name), answer.header(name), "{}", recording.name);
        }
    }
    counts.sort_unstable();
    counts
}

/// Only the transport: what arrives.
async fn over_the_wire(server: &Server, recording: &Recording) -> Result<Answer, ErrorKind> {
    use sapi_client::{AnswerBody, Method, Outgoing, OutgoingBody, Transport, TransportError};
    let kind = |error| match error {
        TransportError::Connect(cause) => ErrorKind::Connect(cause),
        TransportError::Tls(cause) => ErrorKind::Tls(cause),
        TransportError::Broken(cause) => ErrorKind::Cut(cause),
    };
    let method = match recording.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => panic!("{other}"),
    };
    let body = recording
        .request_body
        .clone()
        .map_or(OutgoingBody::Empty, |body| OutgoingBody::Bytes(body.into()));
    let url = format!("{}{}", server.url(), recording.path);
    let outgoing = Outgoing { method, url, headers: vec![], body };
    let mut incoming = crate::support::transport().send(outgoing).await.map_err(kind)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = incoming.body.chunk().await.map_err(kind)? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(Answer { status: incoming.status, headers: incoming.headers, body: bytes.into() })
}

#[tokio::test]
async fn every_answer_of_sapi_is_understood() {
    let counts = replay("sapi", sapi_reader).await;
    let expected = [
        ("cut write", 9),
        ("error", 81),
        ("no body", 11),
        ("not JSON", 1),
        ("not called", 9),
        ("object", 125),
        ("odd object", 5),
    ];
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn every_answer_of_imgapi_is_understood() {
    let counts = replay("imgapi", imgapi_reader).await;
    let expected = [
        ("cut read", 1),
        ("cut write", 13),
        ("error", 91),
        ("no body", 3),
        ("not JSON", 2),
        ("not called", 22),
        ("object", 107),
    ];
    assert_eq!(counts, expected);
}
