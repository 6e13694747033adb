//! Lists that come in pages.

use std::collections::HashMap;

use sapi_client::cnapi::ServerFilter;
use sapi_client::imgapi::{ImageFilter, ListState, Text};
use sapi_client::vmapi::VmFilter;
use sapi_client::{ErrorKind, Unreadable};
use serde_json::{Value, json};

use crate::support::{Act, Seen, Server, json, reply};

fn uuid(n: usize) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

fn query(request: &Seen) -> HashMap<String, String> {
    let pairs = request.path.split_once('?').map_or("", |(_, query)| query).split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

fn number(request: &Seen, key: &str) -> usize {
    query(request)[key].parse().unwrap()
}

/// Some images were published in the same instant: a page holds those of its marker's instant again.
fn images(count: usize, same_instant: usize) -> impl Fn(&Seen) -> Act {
    move |request| {
        let instant = |n: usize| n / same_instant;
        let marker =
            query(request).get("marker").map(|marker| marker[24..].parse::<usize>().unwrap());
        let first = marker.map_or(0, |marker| instant(marker) * same_instant);
        let page: Vec<Value> = (first..count)
            .take(number(request, "limit"))
            .map(|n| json!({"uuid": uuid(n), "name": if n % 2 == 0 { "even" } else { "odd" }}))
            .collect();
        json(200, &Value::Array(page))
    }
}

#[tokio::test]
async fn images_come_once_though_markers_come_again() {
    for (count, same_instant) in [(0, 1), (1, 1), (4, 1), (9, 1), (10, 1), (10, 3)] {
        let server = Server::new(images(count, same_instant)).await;
        let listed = server.imgapi().list_images_by(&ImageFilter::default(), 4).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|image| image.uuid.to_string()).collect();
        assert_eq!(listed, (0..count).map(uuid).collect::<Vec<_>>(), "{count} {same_instant}");
    }
}

#[tokio::test]
async fn a_list_of_images_that_gets_no_further_is_an_error() {
    let server = Server::new(images(10, 5)).await;
    let error = server.imgapi().list_images_by(&ImageFilter::default(), 4).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unreadable(Unreadable::Listing(_))), "{error}");
}

#[tokio::test]
async fn what_the_server_did_not_filter_is_filtered_here() {
    let server = Server::new(images(5, 1)).await;
    let filter = ImageFilter {
        name: Some(Text::Is("odd".to_owned())),
        state: ListState::All,
        ..Default::default()
    };
    let listed = server.imgapi().list_images(&filter).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(server.lines(), ["GET /images?name=odd&state=all&limit=1000"]);
}

fn vms(count: usize, counted: usize) -> impl Fn(&Seen) -> Act {
    move |request| {
        let page: Vec<Value> = (number(request, "offset")..count)
            .take(number(request, "limit"))
            .map(|n| json!({"uuid": uuid(n), "alias": format!("1.moray.a{}", "b".repeat(n % 2)), "image_uuid": null}))
            .collect();
        let body = Value::Array(page).to_string();
        let total = counted.to_string();
        reply(
            200,
            &[("Content-Type", "application/json"), ("x-joyent-resource-count", &total)],
            body.as_bytes(),
        )
    }
}

#[tokio::test]
async fn vms_come_whole() {
    for count in [0, 1, 3, 4, 8, 9] {
        let server = Server::new(vms(count, count)).await;
        let listed = server.vmapi().list_vms_by(&VmFilter::default(), 4).await.unwrap();
        assert_eq!(listed.len(), count);
        assert!(server.lines()[0].starts_with("GET /vms?state=active&limit=4&offset=0"));
    }
    let server = Server::new(vms(4, 4)).await;
    let filter = VmFilter { alias: Some("1.moray.a".parse().unwrap()), ..Default::default() };
    assert_eq!(server.vmapi().list_vms(&filter).await.unwrap().len(), 2, "an alias, not a prefix");
}

#[tokio::test]
async fn a_list_of_vms_that_does_not_add_up_is_read_again_and_then_an_error() {
    let ignores_offset = |_: &Seen| json(200, &json!([{"uuid": uuid(1)}, {"uuid": uuid(2)}]));
    for server in [Server::new(vms(3, 4)).await, Server::new(ignores_offset).await] {
        let error = server.vmapi().list_vms_by(&VmFilter::default(), 2).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unreadable(Unreadable::Listing(_))), "{error}");
        assert!(server.seen().len() <= 10);
    }
}

#[tokio::test]
async fn servers_come_whole() {
    let server = Server::new(|request| {
        let page = (number(request, "offset")..5).take(number(request, "limit"));
        json(200, &page.map(|n| json!({"uuid": uuid(n), "status": "running"})).collect())
    })
    .await;
    let listed = server.cnapi().list_servers_by(&ServerFilter::default(), 2).await.unwrap();
    assert_eq!(listed.len(), 5);
    let stuck = Server::script([json(200, &json!([{"uuid": uuid(1)}]))]).await;
    assert!(stuck.cnapi().list_servers_by(&ServerFilter::default(), 1).await.is_err());
}
