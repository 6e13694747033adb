//! The zones of a shard, from SAPI and the VMAPIs of two datacenters.

use sapi_client::manta::{Peer, PeersError, find_peers};
use serde_json::{Value, json};

use crate::support::{Seen, Server, json};

const APPLICATION: &str = "32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10";
const SERVICE: &str = "b4c9e3a2-5d60-4f38-9a55-7f1a2b3c4d01";
const STALE: &str = "00000000-dead-4ead-8ead-000000000000";
const TRUE_IMAGE: &str = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";
const TRUE_SERVER: &str = "44454c4c-0000-1000-8000-000000000001";
const SHARD: &str = "1.moray.golden.example.com";

fn uuid(n: u32) -> String {
    format!("e1b2c3d4-1111-4a2b-8c3d-{n:012}")
}

fn instance(n: u32, shard: &str, datacenter: &str) -> Value {
    json!({
        "uuid": uuid(n), "service_uuid": SERVICE, "type": "vm",
        "params": {"image_uuid": STALE, "server_uuid": STALE},
        "metadata": {"SERVICE_NAME": shard, "DATACENTER": datacenter},
    })
}

fn vm(n: u32) -> Value {
    json!({"uuid": uuid(n), "state": "running", "image_uuid": TRUE_IMAGE, "server_uuid": TRUE_SERVER})
}

async fn sapi(instances: Vec<Value>, services: usize) -> Server {
    Server::new(move |request: &Seen| {
        let service = json!({"uuid": SERVICE, "name": "postgres", "application_uuid": APPLICATION, "type": "vm"});
        let mut other = service.clone();
        other["uuid"] = json!(STALE);
        let services = [service, other][..services].to_vec();
        let body = if request.path.starts_with("/services") { services } else { instances.clone() };
        json(200, &Value::Array(body))
    })
    .await
}

async fn vmapi(vms: Vec<Value>) -> Server {
    Server::new(move |request: &Seen| {
        let found = vms.iter().find(|vm| request.path.ends_with(vm["uuid"].as_str().unwrap()));
        found.map_or_else(
            || json(404, &json!({"code": "ResourceNotFound", "message": "VM not found"})),
            |vm| json(200, vm),
        )
    })
    .await
}

async fn peers(sapi: &Server, one: &Server, two: &Server) -> Result<Vec<Peer>, PeersError> {
    let (sapi, one, two) = (sapi.sapi(), one.vmapi(), two.vmapi());
    let vmapi = |datacenter: &str| match datacenter {
        "golden-1" => Some(&one),
        "golden-2" => Some(&two),
        _ => None,
    };
    find_peers(&sapi, vmapi, APPLICATION.parse().unwrap(), "postgres", SHARD).await
}

#[tokio::test]
async fn image_and_server_are_vmapis() {
    let instances = vec![
        instance(1, SHARD, "golden-1"),
        instance(2, SHARD, "golden-2"),
        instance(3, "11.moray.golden.example.com", "golden-1"),
        json!({"uuid": uuid(4), "service_uuid": SERVICE}),
    ];
    let sapi = sapi(instances, 1).await;
    let (one, two) = (vmapi(vec![vm(1)]).await, vmapi(vec![vm(2)]).await);
    let found = peers(&sapi, &one, &two).await.unwrap();
    let datacenters: Vec<_> = found.iter().map(|peer| peer.datacenter.as_str()).collect();
    assert_eq!(datacenters, ["golden-1", "golden-2"]);
    assert!(
        found
            .iter()
            .all(|peer| peer.image.to_string() == TRUE_IMAGE
                && peer.server.to_string() == TRUE_SERVER)
    );
    assert_eq!(
        sapi.lines(),
        [
            format!(
                "GET /services?include_master=true&application_uuid={APPLICATION}&name=postgres"
            ),
            format!("GET /instances?include_master=true&service_uuid={SERVICE}"),
        ]
    );
}

#[tokio::test]
async fn an_inventory_with_holes_is_an_error() {
    let none = vmapi(vec![]).await;
    let mut destroyed = vm(1);
    destroyed["state"] = json!("destroyed");
    let destroyed = vmapi(vec![destroyed]).await;
    let mut homeless = vm(1);
    homeless["server_uuid"] = Value::Null;
    let homeless = vmapi(vec![homeless]).await;
    let at = |datacenter: &str| vec![instance(1, SHARD, datacenter)];

    assert!(matches!(
        peers(&sapi(at("golden-1"), 2).await, &none, &none).await,
        Err(PeersError::NotOneService { count: 2, .. })
    ));
    assert!(matches!(
        peers(&sapi(vec![], 0).await, &none, &none).await,
        Err(PeersError::NotOneService { count: 0, .. })
    ));
    assert!(matches!(
        peers(&sapi(at("golden-9"), 1).await, &none, &none).await,
        Err(PeersError::UnknownDatacenter { .. })
    ));
    assert!(matches!(
        peers(&sapi(at("golden-1"), 1).await, &none, &none).await,
        Err(PeersError::NoZone(_))
    ));
    assert!(matches!(
        peers(&sapi(at("golden-1"), 1).await, &destroyed, &none).await,
        Err(PeersError::NoZone(_))
    ));
    assert!(matches!(
        peers(&sapi(at("golden-1"), 1).await, &homeless, &none).await,
        Err(PeersError::Incomplete { what: "server", .. })
    ));
    let mut nowhere = instance(1, SHARD, "");
    nowhere["metadata"].as_object_mut().unwrap().shift_remove("DATACENTER");
    assert!(matches!(
        peers(&sapi(vec![nowhere], 1).await, &none, &none).await,
        Err(PeersError::NoDatacenter(_))
    ));
}
