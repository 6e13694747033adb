//! The examples do what they say.

#[path = "../../examples/manta.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod manta;
#[path = "../../examples/ring_image.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod ring_image;

use sapi_client::imgapi::ImageState;

use crate::import::{IMAGE, OWNER, file, imgapi};

#[tokio::test]
async fn manta_is_described() {
    let address = manta::start_server().await.unwrap();
    let lines = manta::describe(&address).await.unwrap();
    assert_eq!(
        lines,
        [
            "application 32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10 manta",
            "region coal, ring f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d at http://imgapi.coal.joyent.us",
            "shard 1.moray.coal.joyent.us, read-only",
            "shard 2.moray.coal.joyent.us",
        ]
    );
}

#[tokio::test]
async fn a_ring_image_is_imported() {
    let (keep, local) = file().await;
    let server = imgapi().await;
    let (address, path) = (server.url().to_string(), keep.path().to_str().unwrap());
    for _again in 0..2 {
        let image =
            ring_image::import(&address, OWNER, IMAGE, "20261122T140000Z", path).await.unwrap();
        assert_eq!(image.state, Some(ImageState::Active));
        assert_eq!(image.files[0].sha1, *local.sha1());
    }
    let uploads = server.lines().iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(uploads, 1);
}
