//! Receiving an image's file.

use std::path::Path;
use std::time::Duration;

use sapi_client::imgapi::{Image, Imgapi};
use sapi_client::{AnswerKind, ErrorKind, Settings, Unreadable};
use serde_json::json;

use crate::support::{Act, Server, cut, recording, reply, settings, transport};

fn image() -> Image {
    serde_json::from_slice(&recording("imgapi", "071-get").answer.unwrap().body).unwrap()
}

fn content() -> Vec<u8> {
    recording("imgapi", "118-file-get").answer.unwrap().body.to_vec()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn the_recorded_file_arrives() {
    for name in
        ["118-file-get", "client-11-get-file", "124-file-get-range", "162-file-get-disabled"]
    {
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().join("ring.tar.gz");
        std::fs::write(&to, "an older one").unwrap();
        let server = Server::script([recording("imgapi", name).act()]).await;
        let file = server.imgapi().download_image_file(&image(), &to).await.unwrap();
        assert_eq!(file.size, 228);
        assert_eq!(std::fs::read(&to).unwrap(), content());
        assert_eq!(names(directory.path()), ["ring.tar.gz"]);
    }
}

#[tokio::test]
async fn a_download_that_is_cut_off_begins_again() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("ring.tar.gz");
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 228\r\n\r\n".to_vec();
    let half = [head.clone(), content()[..100].to_vec()].concat();
    let slow = [vec![head], content().chunks(20).map(<[u8]>::to_vec).collect()].concat();
    let acts = [
        cut(),
        Act::Bytes(half.clone()),
        Act::Reset(half),
        recording("imgapi", "123-file-get-412").act(),
    ];
    let server = Server::script(acts).await;
    let error = server.imgapi().download_image_file(&image(), &to).await.unwrap_err();
    // Plain text with the file's Content-MD5: the status counts.
    assert_eq!(error.status(), Some(412));
    assert_eq!(server.seen().len(), 4);
    assert_eq!(names(directory.path()), [""; 0]);

    let server = Server::script([cut(), Act::Slowly(slow, Duration::from_millis(5))]).await;
    server.imgapi().download_image_file(&image(), &to).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), content());
}

#[tokio::test]
async fn what_is_not_the_file_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("ring.tar.gz");
    let mut damaged = content();
    damaged[7] ^= 1;
    let wrong_md5 = ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==");
    let cases = [
        (reply(200, &[], &damaged), "SHA-1"),
        (reply(200, &[wrong_md5], &content()), "MD5"),
        (reply(200, &[], &content()[..227]), "size"),
        (reply(200, &[], b""), "size"),
    ];
    for (act, digest) in cases {
        let server = Server::script([act]).await;
        let error = server.imgapi().download_image_file(&image(), &to).await.unwrap_err();
        let ErrorKind::Unreadable(Unreadable::Digest { what, .. }) = error.kind() else {
            panic!("{error}")
        };
        assert_eq!(*what, digest);
        assert_eq!(names(directory.path()), [""; 0]);
    }
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; 100_000]].concat();
    let server = Server::script([Act::Hang(endless)]).await;
    let error = server.imgapi().download_image_file(&image(), &to).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { limit: 228, kind: AnswerKind::File }),
        "{error}"
    );
    assert_eq!(names(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_stalled_or_missing_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("ring.tar.gz");
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 228\r\n\r\nabc".to_vec();
    let server = Server::script([Act::Hang(head)]).await;
    let quick = Settings { silence: Duration::from_millis(50), ..settings() };
    let imgapi = Imgapi::new(server.url(), transport(), quick);
    let error = imgapi.download_image_file(&image(), &to).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert_eq!(server.seen().len(), 5, "so many tries");

    let server = Server::script([recording("imgapi", "128-file-get-unknown").act()]).await;
    assert!(server.imgapi().download_image_file(&image(), &to).await.unwrap_err().is_not_found());
    let bare: Image = serde_json::from_value(json!({"uuid": image().uuid})).unwrap();
    let error = server.imgapi().download_image_file(&bare, &to).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused(_)), "{error}");
    let nowhere = directory.path().join("no/such/place");
    let error = server.imgapi().download_image_file(&image(), &nowhere).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LocalFile { .. }), "{error}");
}
