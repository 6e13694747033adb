//! IMGAPI's recordings: 239 exchanges with four servers.

use std::sync::Arc;

use lab::triton::{ApiServer, FaultPoint, Imgapi, ImgapiMode, ImgapiOptions};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::compare::Learned;
use super::exchange::{Exchange, recorded};
use super::{ANY_PORT, judge, say_again};

struct Emulated {
    server: ApiServer,
    _imgapi: Arc<Imgapi>,
    _directory: TempDir,
}

async fn start(server: &str) -> Emulated {
    let directory = tempfile::tempdir().unwrap();
    let mut options = ImgapiOptions::new(Uuid::new_v4());
    options.unknown_accounts = Some("ffffffff-".to_owned());
    // When the recording activated an image that has no published_at of its own.
    options.clock = || "2026-11-22T14:57:15.648Z".parse().unwrap();
    if server.contains("mode public") {
        options.mode = ImgapiMode::Public;
    }
    options.signed = server.contains("authType signature");
    let imgapi = Imgapi::open(directory.path(), options).unwrap();
    let server = imgapi.serve(ANY_PORT, FaultPoint::none()).await.unwrap();
    Emulated { server, _imgapi: imgapi, _directory: directory }
}

impl Emulated {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// Imports the image that restarted servers had.
    async fn import(&self) {
        let body = r#"{"v": 2, "uuid": "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d",
            "owner": "1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01", "name": "manta-hash-ring",
            "version": "20261122T140000Z", "public": false, "published_at": "2026-11-22T14:00:00.000Z",
            "type": "other", "os": "other", "description": "Manta Hash Ring"}"#;
        let url = self.url("/images/f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d?action=import");
        let request = reqwest::Client::new().post(url).header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.unwrap().status(), 200);
    }

    /// Deletes all images, as the recording did between its odd imports and its proper ones.
    async fn delete_all(&self) {
        let client = reqwest::Client::new();
        let images = client.get(self.url("/images?state=all")).send().await.unwrap();
        let images: Vec<Value> = serde_json::from_slice(&images.bytes().await.unwrap()).unwrap();
        for image in images {
            let url = self.url(&format!("/images/{}", image["uuid"].as_str().unwrap()));
            assert_eq!(client.delete(url).send().await.unwrap().status(), 204);
        }
    }
}

#[tokio::test]
async fn imgapi_answers_as_recorded() {
    let mut emulated: Option<Emulated> = None;
    // The Node client, whose exchanges are the last, spoke to the server of the first ones.
    let mut first = None;
    let mut server = String::new();
    let mut learned = Learned::default();
    let mut found = Vec::new();
    for exchange in recorded("imgapi") {
        let restarted = exchange.server.contains("restarted before each case");
        if restarted || exchange.server != server {
            let before = emulated.take();
            first = first.or(before);
            emulated = match first.take() {
                Some(first) if exchange.server.contains("client") => Some(first),
                kept => {
                    first = kept;
                    Some(begin(&exchange).await)
                }
            };
            server.clone_from(&exchange.server);
        }
        let emulated = emulated.as_ref().unwrap();
        if exchange.name.ends_with("-list-still-empty") {
            emulated.delete_all().await;
        }
        let difference = say_again(emulated.server.address(), &exchange, &mut learned).await;
        found.push((exchange.name, difference));
    }
    judge("imgapi", found);
}

async fn begin(exchange: &Exchange) -> Emulated {
    let emulated = start(&exchange.server).await;
    if exchange.server.contains("restarted") {
        emulated.import().await;
    }
    emulated
}
