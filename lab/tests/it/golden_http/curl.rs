//! A few exchanges with curl itself, which recorded most of them.

use lab::triton::{
    ApiFault, ApiFaults, ApiName, FaultKind, FaultPoint, Imgapi, ImgapiOptions, Mode, Population,
    Sapi, SapiOptions,
};
use tokio::process::Command;
use uuid::Uuid;

use super::ANY_PORT;

/// Runs curl. Its exit status, and what it printed.
async fn curl(arguments: &[&str]) -> (i32, String) {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "20", "-H", "Content-Type: application/json"])
        .args(arguments)
        .output()
        .await
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

const EMPTY_REPLY: i32 = 52;

#[tokio::test]
async fn sapi_cuts_the_connection_and_has_acted_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SapiOptions::new("http://127.0.0.1:9", "http://127.0.0.1:9");
    options.mode = Mode::Proto;
    let open = || Sapi::open(directory.path(), options.clone(), Population::default()).unwrap();
    let faults = ApiFaults::default();
    let server = open().serve(ANY_PORT, faults.of(ApiName::Sapi)).await.unwrap();
    let url = format!("http://{}/applications", server.address());
    let post = |body: &'static str| {
        let url = url.clone();
        async move { curl(&["-d", body, &url]).await }
    };

    // A number for a name ends the real server's process.
    let (exit, _) = post(r#"{"name": 7, "owner_uuid": "me"}"#).await;
    assert_eq!(exit, EMPTY_REPLY);

    let fault = ApiFault { requests: Some(1), ..ApiFault::new(FaultKind::CutAfterActing) };
    faults.set(ApiName::Sapi, fault);
    let (exit, _) = post(r#"{"name": "manta", "owner_uuid": "me", "uuid": "u"}"#).await;
    assert_eq!(exit, EMPTY_REPLY);

    // What was acted on outlasts the server.
    server.stop().await;
    let server = open().serve(ANY_PORT, faults.of(ApiName::Sapi)).await.unwrap();
    let (_, said) = curl(&[&format!("http://{}/applications/u", server.address())]).await;
    assert_eq!(said, r#"{"uuid":"u","name":"manta","owner_uuid":"me"}"#);
}

#[tokio::test]
async fn an_image_goes_up_and_comes_down_with_its_digest() {
    let directory = tempfile::tempdir().unwrap();
    let imgapi =
        Imgapi::open(&directory.path().join("imgapi"), ImgapiOptions::new(Uuid::new_v4())).unwrap();
    let server = imgapi.serve(ANY_PORT, ApiFaults::default().of(ApiName::Imgapi)).await.unwrap();
    let uuid = Uuid::new_v4();
    let image = format!("http://{}/images/{uuid}", server.address());
    let manifest = format!(
        r#"{{"v": 2, "uuid": "{uuid}", "owner": "{uuid}", "name": "manta-hash-ring", "version": "1",
            "type": "other", "os": "other"}}"#
    );
    let ring = directory.path().join("ring.tar.gz");
    std::fs::write(&ring, vec![7; 3_000_000]).unwrap();

    let (_, said) = curl(&["-d", &manifest, &format!("{image}?action=import")]).await;
    assert!(said.contains("unactivated"), "{said}");
    let wrong = ["-H", "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==", "-d", &manifest, &image];
    let (_, said) = curl(&wrong).await;
    assert!(said.contains("BadDigest"), "{said}");
    // curl asks for leave to send that much, and is given it.
    let (_, said) =
        curl(&["-T", ring.to_str().unwrap(), &format!("{image}/file?compression=gzip")]).await;
    assert!(said.contains("\"size\": 3000000"), "{said}");
    let (_, said) = curl(&["-X", "POST", &format!("{image}?action=activate")]).await;
    assert!(said.contains("\"state\": \"active\""), "{said}");

    let down = directory.path().join("down");
    let file = format!("{image}/file");
    let (_, head) = curl(&["-D", "-", "-o", down.to_str().unwrap(), &file]).await;
    let head = head.to_ascii_lowercase();
    let digest = "content-md5: ";
    assert!(head.contains(digest), "{head}");
    assert_eq!(std::fs::read(&down).unwrap(), std::fs::read(&ring).unwrap());

    // A damaged file is served with the digest that it should have.
    let line = |head: &str| head.lines().find(|line| line.starts_with(digest)).map(str::to_owned);
    std::fs::write(imgapi.file(uuid), b"rot").unwrap();
    let (_, rotten) = curl(&["-D", "-", "-o", down.to_str().unwrap(), &file]).await;
    assert_eq!(line(&rotten.to_ascii_lowercase()), line(&head));
    assert_eq!(std::fs::read(&down).unwrap(), b"rot");
}

#[tokio::test]
async fn images_outlast_the_server_and_misses_can_outlast_imports() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = ImgapiOptions::new(Uuid::new_v4());
    let open = |options: &ImgapiOptions| Imgapi::open(directory.path(), options.clone()).unwrap();
    options.stale_misses = Some(std::time::Duration::from_mins(5));
    let server = open(&options).serve(ANY_PORT, FaultPoint::none()).await.unwrap();
    let uuid = Uuid::new_v4();
    let image = format!("http://{}/images/{uuid}", server.address());
    let manifest = format!(
        r#"{{"v": 2, "uuid": "{uuid}", "owner": "{uuid}", "name": "manta-hash-ring", "version": "1",
            "type": "other", "os": "other"}}"#
    );
    let (_, said) = curl(&[&image]).await;
    assert!(said.contains("ResourceNotFound"), "{said}");
    let (_, said) = curl(&["-d", &manifest, &format!("{image}?action=import")]).await;
    assert!(said.contains("unactivated"), "{said}");
    let (_, said) = curl(&[&image]).await;
    assert!(said.contains("ResourceNotFound"), "the miss is remembered: {said}");
    server.stop().await;

    options.stale_misses = None;
    let server = open(&options).serve(ANY_PORT, FaultPoint::none()).await.unwrap();
    let (_, said) = curl(&[&format!("http://{}/images/{uuid}", server.address())]).await;
    assert!(said.contains("unactivated"), "{said}");
}
