//! SAPI over HTTP, with a VMAPI whose jobs never end unless they are told to.

use std::sync::atomic::{AtomicBool, Ordering};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::http::{Api, ApiRequest, Profile, RouteEntry};
use super::*;

/// The part of VMAPI that SAPI needs.
#[derive(Default)]
struct Vms {
    asked: Mutex<Vec<String>>,
    jobs_end: AtomicBool,
}

#[derive(Clone, Copy)]
enum Route {
    Vm,
    Start,
    Job,
}

impl Api for Vms {
    type Route = Route;

    fn profile(&self) -> Profile<Route> {
        const ROUTES: &[RouteEntry<Route>] = &[
            RouteEntry::new(Method::GET, "/vms/:uuid", Route::Vm),
            RouteEntry::new(Method::POST, "/vms", Route::Start),
            RouteEntry::new(Method::POST, "/vms/:uuid", Route::Start),
            RouteEntry::new(Method::DELETE, "/vms/:uuid", Route::Start),
            RouteEntry::new(Method::GET, "/jobs/:uuid", Route::Job),
        ];
        Profile {
            server: "vms",
            routes: ROUTES,
            versions: None,
            indented: false,
            response_time: false,
            body_limit: 1_000_000,
        }
    }

    async fn handle(&self, route: Route, request: ApiRequest) -> Answer {
        match route {
            Route::Vm => Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", "VM not found"),
            Route::Start => {
                let asked = format!("{} {}", request.method, request.target);
                self.asked.lock().unwrap().push(asked);
                Answer::json(StatusCode::ACCEPTED, &json!({"job_uuid": "job"}))
            }
            Route::Job => {
                let ended = self.jobs_end.load(Ordering::SeqCst);
                let execution = if ended { "succeeded" } else { "running" };
                Answer::json(StatusCode::OK, &json!({"execution": execution}))
            }
        }
    }
}

struct Lab {
    vms: Arc<Vms>,
    server: ApiServer,
    _vmapi: ApiServer,
    directory: tempfile::TempDir,
    options: SapiOptions,
}

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

impl Lab {
    async fn start() -> Self {
        let vms = Arc::new(Vms::default());
        let vmapi = ApiServer::start(ANY_PORT, Arc::clone(&vms), FaultPoint::none()).await.unwrap();
        let mut options = SapiOptions::new(format!("http://{}", vmapi.address()), "http://[::1]:9");
        options.job_poll = Duration::from_millis(10);
        options.upgrade_silence = Some(Duration::from_millis(200));
        let directory = tempfile::tempdir().unwrap();
        let sapi = Sapi::open(directory.path(), options.clone(), Population::default()).unwrap();
        let server = sapi.serve(ANY_PORT, FaultPoint::none()).await.unwrap();
        let lab = Self { vms, server, _vmapi: vmapi, directory, options };
        for (path, body) in [
            ("/applications", json!({"uuid": "a", "name": "manta", "owner_uuid": "o"})),
            ("/services", json!({"uuid": "s", "name": "postgres", "application_uuid": "a"})),
        ] {
            assert_eq!(lab.ask(Method::POST, path, Some(body)).await.unwrap().0, 200);
        }
        lab
    }

    /// Status and body. `None`: the connection was cut.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
        let url = format!("http://{}{path}", self.server.address());
        let mut request = reqwest::Client::new().request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

#[tokio::test]
async fn a_long_upgrade_is_cut_and_goes_on() {
    let lab = Lab::start().await;
    let instance = json!({"uuid": "i", "service_uuid": "s", "async": true});
    let (status, made) = lab.ask(Method::POST, "/instances", Some(instance)).await.unwrap();
    assert_eq!((status, &made["job_uuid"]), (200, &json!("job")));
    let image = || Some(json!({"image_uuid": "image"}));
    assert_eq!(lab.ask(Method::PUT, "/instances/i/upgrade", image()).await, None);
    assert_eq!(
        *lab.vms.asked.lock().unwrap(),
        ["POST /vms", "POST /vms/i?action=reprovision"],
        "it was started"
    );
    lab.vms.jobs_end.store(true, Ordering::SeqCst);
    assert_eq!(lab.ask(Method::PUT, "/instances/i/upgrade", image()).await.unwrap().0, 200);
}

#[tokio::test]
async fn what_cannot_be_deployed_leaves_no_instance() {
    let lab = Lab::start().await;
    let mut options = lab.options.clone();
    options.vmapi = "http://127.0.0.1:9".to_owned();
    let sapi = Sapi::open(lab.directory.path(), options, Population::default()).unwrap();
    let server = sapi.serve(ANY_PORT, FaultPoint::none()).await.unwrap();
    let lab = Lab { server, ..lab };
    let instance = json!({"uuid": "i", "service_uuid": "s"});
    let (status, refused) = lab.ask(Method::POST, "/instances", Some(instance)).await.unwrap();
    assert_eq!(status, 500);
    assert_eq!(refused.get("code"), None, "an exception has no code");
    assert_eq!(lab.ask(Method::GET, "/instances/i", None).await.unwrap().0, 404);
}

#[tokio::test]
async fn objects_outlast_the_server() {
    let lab = Lab::start().await;
    let change = json!({"metadata": {"HASH_RING_IMAGE": "r"}});
    lab.ask(Method::PUT, "/applications/a", Some(change)).await.unwrap();
    let sapi =
        Sapi::open(lab.directory.path(), lab.options.clone(), Population::default()).unwrap();
    let server = sapi.serve(ANY_PORT, FaultPoint::none()).await.unwrap();
    let lab = Lab { server, ..lab };
    let (_, application) = lab.ask(Method::GET, "/applications/a", None).await.unwrap();
    assert_eq!(application["metadata"]["HASH_RING_IMAGE"], "r");
}
