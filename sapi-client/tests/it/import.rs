//! Importing an image, with answers and requests lost at every place.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sapi_client::ErrorKind;
use sapi_client::imgapi::{ImageState, ImportError, ImportOptions, LocalFile, NewImage};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::{Act, Seen, Server, cut, json, recording};

pub(crate) const IMAGE: &str = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";
pub(crate) const OWNER: &str = "1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01";

/// An IMGAPI with room for one image, answering as the real one was recorded to.
#[derive(Default)]
struct Store {
    image: Option<Value>,
    requests: usize,
}

fn refusal(status: u16, code: &str) -> Act {
    json(status, &json!({"code": code, "message": "no"}))
}

impl Store {
    fn handle(&mut self, request: &Seen) -> Act {
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let state = self.image.as_ref().map(|image| image["state"].clone());
        let active = state == Some(json!("active"));
        match (request.method.as_str(), &mut self.image) {
            ("GET", Some(image)) => json(200, image),
            ("GET", None) => refusal(404, "ResourceNotFound"),
            ("POST", None) if query == "action=import" => {
                let mut image = request.json();
                image["state"] = json!("unactivated");
                image["files"] = json!([]);
                image["owner"] = json!("00000000-0000-0000-0000-000000000000");
                self.image = Some(image.clone());
                json(200, &image)
            }
            ("POST", Some(_)) if query == "action=import" => refusal(409, "ImageUuidAlreadyExists"),
            ("PUT", Some(_)) if active => refusal(422, "ImageFilesImmutable"),
            ("PUT", Some(image)) => {
                let sha1 = query.rsplit_once("sha1=").unwrap().1;
                image["files"] =
                    json!([{"sha1": sha1, "size": request.body.len(), "compression": "gzip"}]);
                json(200, image)
            }
            ("POST", Some(_)) if active => refusal(422, "ImageAlreadyActivated"),
            ("POST", Some(image)) if image["files"] == json!([]) => {
                refusal(422, "NoActivationNoFile")
            }
            ("POST", Some(image)) => {
                image["state"] = json!("active");
                image["published_at"] = json!("2026-11-22T14:00:00.000Z");
                json(200, image)
            }
            other => panic!("{other:?} {query}"),
        }
    }
}

/// The trouble that a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It does not arrive.
    RequestLost,
    /// It is done, and the answer does not arrive.
    AnswerLost,
    /// The server is not ready.
    Unavailable,
}

async fn server(store: &Arc<Mutex<Store>>, at: usize, trouble: Trouble) -> Server {
    let store = Arc::clone(store);
    Server::new(move |request| {
        let mut store = store.lock().unwrap();
        store.requests += 1;
        match trouble {
            _ if store.requests != at => store.handle(request),
            Trouble::RequestLost => cut(),
            Trouble::AnswerLost => {
                store.handle(request);
                Act::Reset(vec![])
            }
            Trouble::Unavailable => refusal(503, "ServiceUnavailableError"),
        }
    })
    .await
}

/// An IMGAPI without troubles.
pub(crate) async fn imgapi() -> Server {
    let store = Mutex::new(Store::default());
    Server::new(move |request| store.lock().unwrap().handle(request)).await
}

fn ring() -> NewImage {
    let ring =
        NewImage::ring(IMAGE.parse().unwrap(), OWNER.parse().unwrap(), "20261122T140000Z").unwrap();
    ring.tag("manta_reshard_plan", "7d6c5b4a-3f2e-4d1c-8b0a-998877665544")
}

pub(crate) async fn file() -> (NamedTempFile, LocalFile) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), recording("imgapi", "056-addfile").request_body.unwrap()).unwrap();
    let local = LocalFile::open(file.path()).await.unwrap();
    assert_eq!(local.sha1().as_str(), "ed9dfc9ea2cf06d3c3c74444b841de832a9f66e0");
    (file, local)
}

fn options() -> ImportOptions {
    ImportOptions { deadline: Duration::from_secs(10), ..ImportOptions::default() }
}

#[tokio::test]
async fn whatever_is_lost_the_image_is_imported_once() {
    let (_keep, file) = file().await;
    for trouble in [Trouble::RequestLost, Trouble::AnswerLost, Trouble::Unavailable] {
        for at in 0..=4 {
            let store = Arc::new(Mutex::new(Store::default()));
            let server = server(&store, at, trouble).await;
            let image = server.imgapi().import_image(&ring(), &file, options()).await.unwrap();
            assert_eq!(image.state, Some(ImageState::Active), "{trouble:?} {at}");
            assert_eq!(image.files[0].sha1, *file.sha1());
            // Once more is nothing but a look.
            let before = server.seen().len();
            server.imgapi().import_image(&ring(), &file, options()).await.unwrap();
            assert_eq!(
                server.lines()[before..],
                [format!("GET /images/{IMAGE}")],
                "{trouble:?} {at}"
            );
        }
    }
}

#[tokio::test]
async fn the_file_is_sent_whole_and_with_its_length() {
    let (_keep, file) = file().await;
    let server = imgapi().await;
    server.imgapi().import_image(&ring(), &file, options()).await.unwrap();
    let image = format!("/images/{IMAGE}");
    let sent = "ed9dfc9ea2cf06d3c3c74444b841de832a9f66e0";
    assert_eq!(
        server.lines(),
        [
            format!("GET {image}"),
            format!("POST {image}?action=import"),
            format!("PUT {image}/file?compression=gzip&sha1={sent}"),
            format!("POST {image}?action=activate"),
        ]
    );
    let upload = &server.seen()[2];
    assert_eq!(Some(&upload.body), recording("imgapi", "056-addfile").request_body.as_ref());
    assert_eq!(upload.header("content-length"), Some("228"));
    assert_eq!(upload.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn a_process_that_is_killed_between_steps_goes_on_where_it_was() {
    let (_keep, file) = file().await;
    for done in 0..=3 {
        let server = imgapi().await;
        let imgapi = server.imgapi();
        let uuid = IMAGE.parse().unwrap();
        if done > 0 {
            imgapi
                .client()
                .run(&sapi_client::imgapi::request::import_image(&ring(), false))
                .await
                .unwrap();
        }
        if done > 1 {
            imgapi.add_image_file(uuid, &file).await.unwrap();
        }
        if done > 2 {
            imgapi.client().run(&sapi_client::imgapi::request::activate_image(uuid)).await.unwrap();
        }
        imgapi.import_image(&ring(), &file, options()).await.unwrap();
        let writes = server.lines().iter().filter(|line| !line.starts_with("GET")).count();
        assert_eq!(writes, 3, "{done}: each step once");
    }
}

#[tokio::test]
async fn another_image_of_the_uuid_is_left_alone() {
    let (_keep, file) = file().await;
    let mine = || {
        json!({
            "uuid": IMAGE, "name": "manta-hash-ring", "version": "20261122T140000Z", "type": "other", "os": "other",
            "state": "active", "tags": {"manta_reshard_plan": "7d6c5b4a-3f2e-4d1c-8b0a-998877665544"},
            "files": [{"sha1": file.sha1().as_str(), "size": file.size(), "compression": "gzip"}],
        })
    };
    for (member, value) in [
        ("name", json!("base")),
        ("version", json!("1")),
        ("type", json!("zvol")),
        ("os", json!("linux")),
        ("tags", json!({"manta_reshard_plan": "another"})),
        ("tags", json!({})),
        ("state", json!("disabled")),
        ("state", json!("failed")),
        ("state", json!("odd")),
        ("files", json!([])),
        ("files", json!([{"sha1": "0".repeat(40), "size": file.size()}])),
        ("files", json!([{"sha1": file.sha1().as_str(), "size": file.size() + 1}])),
    ] {
        let mut image = mine();
        image[member] = value;
        let server = Server::script([json(200, &image)]).await;
        let error = server.imgapi().import_image(&ring(), &file, options()).await.unwrap_err();
        assert!(matches!(error, ImportError::Conflict(_)), "{member}: {error}");
        assert_eq!(server.seen().len(), 1, "{member}");
    }
    let server = Server::script([json(200, &mine())]).await;
    server.imgapi().import_image(&ring(), &file, options()).await.unwrap();
}

#[tokio::test]
async fn a_remembered_404_is_waited_out() {
    let (_keep, file) = file().await;
    let store = Arc::new(Mutex::new(Store::default()));
    let other_process = Mutex::new(0);
    let server = Server::new(move |request| {
        let mut stale = other_process.lock().unwrap();
        // The image was imported through another process; this one remembers that it does not exist.
        let mut store = store.lock().unwrap();
        if *stale == 0 {
            let mut import = request.clone();
            import.method = "POST".to_owned();
            import.path.push_str("?action=import");
            import.body = serde_json::to_vec(&ring()).unwrap();
            store.handle(&import);
        }
        *stale += 1;
        if request.method == "GET" && *stale < 8 {
            refusal(404, "ResourceNotFound")
        } else {
            store.handle(request)
        }
    })
    .await;
    let image = server.imgapi().import_image(&ring(), &file, options()).await.unwrap();
    assert_eq!(image.state, Some(ImageState::Active));
    let imports = server.lines().iter().filter(|line| line.ends_with("action=import")).count();
    assert!(imports > 1, "it asked, was told that the image exists, and looked again");
}

#[tokio::test]
async fn what_imgapi_refuses_is_not_tried_again() {
    let (_keep, file) = file().await;
    let missing = || refusal(404, "ResourceNotFound");
    for name in ["024-import-owner-unknown", "183-public-import-private", "194-sig-import"] {
        let server = Server::script([missing(), recording("imgapi", name).act()]).await;
        let error = server.imgapi().import_image(&ring(), &file, options()).await.unwrap_err();
        assert!(matches!(error, ImportError::Call { .. }), "{error}");
        assert_eq!(server.seen().len(), 2, "{name}");
    }
    let mut unactivated = serde_json::to_value(ring()).unwrap();
    unactivated["state"] = json!("unactivated");
    unactivated["files"] = json!([]);
    let server = Server::script([
        json(200, &unactivated),
        recording("imgapi", "047-addfile-bad-sha1").act(),
    ])
    .await;
    let error = server.imgapi().import_image(&ring(), &file, options()).await.unwrap_err();
    assert_eq!(server.seen().len(), 2);
    let ImportError::Call { source, .. } = error else { panic!("{error}") };
    assert_eq!((source.status(), source.code()), (Some(400), Some("Download")));
}

#[tokio::test]
async fn troubles_that_do_not_pass_end_at_the_deadline() {
    let (_keep, file) = file().await;
    let server = Server::new(|request| match request.method.as_str() {
        "GET" => refusal(404, "ResourceNotFound"),
        _ => cut(),
    })
    .await;
    let options = ImportOptions { deadline: Duration::from_millis(200), ..options() };
    assert!(server.imgapi().import_image(&ring(), &file, options).await.is_err());
}

#[tokio::test]
async fn a_look_that_fails_is_a_passing_trouble_too() {
    let (_keep, file) = file().await;
    let store = Arc::new(Mutex::new(Store::default()));
    let server = server(&store, 1, Trouble::Unavailable).await;
    let settings =
        sapi_client::Settings { retry: sapi_client::Retry::never(), ..crate::support::settings() };
    let imgapi =
        sapi_client::imgapi::Imgapi::new(server.url(), crate::support::transport(), settings);
    let image = imgapi.import_image(&ring(), &file, options()).await.unwrap();
    assert_eq!(image.state, Some(ImageState::Active));
}

#[tokio::test]
async fn a_file_that_changed_is_not_sent() {
    let (keep, file) = file().await;
    std::fs::write(keep.path(), "shorter").unwrap();
    let server = Server::script([cut()]).await;
    let error = server.imgapi().add_image_file(IMAGE.parse().unwrap(), &file).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LocalFile { .. }), "{error}");
    assert!(!error.is_retryable() && !error.outcome_unknown(), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_stalled_upload_ends() {
    let (_keep, file) = file().await;
    let server = Server::script([Act::Hang(vec![])]).await;
    let settings =
        sapi_client::Settings { silence: Duration::from_millis(100), ..crate::support::settings() };
    let imgapi =
        sapi_client::imgapi::Imgapi::new(server.url(), crate::support::transport(), settings);
    let error = imgapi.add_image_file(IMAGE.parse().unwrap(), &file).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
}
