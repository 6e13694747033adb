//! VMAPI, asked by curl.

use tokio::process::Command;

use super::*;
use crate::role::Role;
use crate::zones::tests::Lab;

struct Asked {
    server: ApiServer,
    vmapi: Arc<Vmapi>,
}

impl Asked {
    async fn new(lab: &Lab) -> Self {
        let options = VmapiOptions { job_duration: Duration::from_millis(100), imgapi: None };
        let directory = lab.directory.path().join("triton/vmapi");
        let vmapi = Vmapi::open(&directory, lab.zones.clone(), options).unwrap();
        let zones: Vec<ZoneSpec> = lab.zones.list().into_iter().map(|zone| zone.spec).collect();
        vmapi.adopt(lab.zones.layout().poseidon, &zones).unwrap();
        let address = ([127, 0, 0, 1], 0).into();
        let server = vmapi.serve(address, FaultPoint::none()).await.unwrap();
        Self { server, vmapi }
    }

    /// Runs curl: the status and the body.
    async fn curl(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (head, body) = self.curl_with_head(method, path, body).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body)
    }

    async fn curl_with_head(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (String, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-i", "-g", "-X", method, "--max-time", "20"]);
        if let Some(body) = body {
            curl.args(["-H", "content-type: application/json", "-d", &body.to_string()]);
        }
        let url = format!("http://{}{path}", self.server.address());
        let output = curl.arg(url).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.curl("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.curl("POST", path, Some(body)).await
    }

    /// Follows the job of an accepted request to its end.
    async fn follow(&self, accepted: (u16, Value)) -> Value {
        assert_eq!(accepted.0, 202, "{}", accepted.1);
        let job = accepted.1["job_uuid"].as_str().unwrap();
        let (status, job) = self.get(&format!("/jobs/{job}/wait")).await;
        assert_eq!(status, 200);
        job
    }
}

fn payload(lab: &Lab, alias: &str) -> Value {
    let layout = lab.zones.layout();
    json!({
        "uuid": Uuid::new_v4(), "alias": alias, "brand": "joyent-minimal", "owner_uuid": layout.poseidon,
        "image_uuid": layout.image(Role::Webapi), "server_uuid": layout.servers[1].uuid,
        "tags": {"manta_role": "webapi"}, "networks": [{"name": "manta"}],
        "customer_metadata": {"SAPI_URL": "http://sapi"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_lives_and_is_known_after_its_end() {
    let lab = Lab::new();
    let asked = Asked::new(&lab).await;
    let payload = payload(&lab, "webapi.lab.example.net-1");
    let uuid = payload["uuid"].as_str().unwrap();
    let ticket = asked.vmapi.ticket(uuid.parse().unwrap());
    let held = ticket.lock().await;
    let (head, accepted) = asked.curl_with_head("POST", "/vms", Some(payload.clone())).await;
    assert!(head.starts_with("http/1.1 202") && head.contains("workflow-api: http://"), "{head}");
    assert_eq!(accepted["vm_uuid"], uuid);
    let path = format!("/vms/{uuid}");
    assert_eq!(asked.get(&path).await.1["state"], "provisioning");
    let (status, early) = asked.post(&format!("{path}?action=stop"), json!({})).await;
    assert_eq!((status, &early["code"]), (409, &json!("UnallocatedVM")));
    drop(held);
    let job = asked.follow((202, accepted)).await;
    assert_eq!(
        (&job["execution"], &job["params"]["task"]),
        (&json!("succeeded"), &json!("provision"))
    );
    let (_, vm) = asked.get(&path).await;
    assert_eq!((&vm["state"], &vm["zone_state"]), (&json!("running"), &json!("running")));
    for member in ["alias", "brand", "owner_uuid", "image_uuid", "server_uuid", "tags"] {
        assert_eq!(vm[member], payload[member], "{member}");
    }
    let zone: Uuid = uuid.parse().unwrap();
    let address = json!(lab.zones.status(zone).unwrap().spec.address);
    let primary = vm["nics"].as_array().unwrap().iter().find(|nic| nic["primary"] == true);
    assert_eq!(primary.unwrap()["ip"], address);
    assert_eq!((&vm["destroyed"], &vm["snapshots"]), (&Value::Null, &json!([])));

    let stopped = asked.follow(asked.post(&format!("{path}?action=stop"), json!({})).await).await;
    assert_eq!(stopped["execution"], "succeeded");
    assert_eq!(asked.get(&path).await.1["state"], "stopped");
    let again = asked.follow(asked.post(&format!("{path}?action=stop"), json!({})).await).await;
    assert_eq!(again["execution"], "failed");
    assert_eq!(again["chain_results"][1]["error"], "VM is not running");
    let idempotent = json!({"action": "stop", "idempotent": true});
    let again = asked.follow(asked.post(&path, idempotent).await).await;
    assert_eq!(again["execution"], "succeeded");
    assert_eq!(asked.post(&path, json!({"action": "stop", "idempotent": "false"})).await.0, 409);
    let job = asked.follow(asked.post(&format!("{path}?action=start"), json!({})).await).await;
    assert_eq!(job["execution"], "succeeded");

    let image = lab.zones.layout().image(Role::Postgres);
    let body = json!({"action": "reprovision", "image_uuid": image});
    let job = asked.follow(asked.post(&path, body).await).await;
    assert_eq!(
        (&job["name"], &job["execution"]),
        (&json!("reprovision-7.0.4"), &json!("succeeded"))
    );
    assert_eq!(asked.get(&path).await.1["image_uuid"], json!(image));

    asked.follow(asked.curl("DELETE", &path, None).await).await;
    let (status, gone) = asked.get(&path).await;
    assert_eq!((status, &gone["state"]), (200, &json!("destroyed")));
    assert!(gone["destroyed"].as_str().unwrap().ends_with('Z'));
    let job = asked.follow(asked.post(&format!("{path}?action=start"), json!({})).await).await;
    assert_eq!(job["execution"], "failed");
    let (_, jobs) = asked.get(&format!("/jobs?vm_uuid={uuid}&task=reprovision")).await;
    assert_eq!(jobs.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Webapi).await;
    let asked = Asked::new(&lab).await;
    let path = format!("/vms/{zone}");
    let (status, error) = asked.get("/vms/x").await;
    let expected = json!({"code": "ValidationFailed", "message": "Invalid Parameters",
        "errors": [{"field": "uuid", "code": "Invalid", "message": "Invalid UUID"}]});
    assert_eq!((status, error), (409, expected));
    let (status, error) = asked.get(&format!("/vms/{}", Uuid::new_v4())).await;
    assert_eq!(
        (status, error),
        (404, json!({"code": "ResourceNotFound", "message": "VM not found"}))
    );
    let owner = Uuid::new_v4();
    assert_eq!(asked.get(&format!("{path}?owner_uuid={owner}")).await.0, 404);
    for (body, code) in [(json!({}), "MissingParameter"), (json!({"action": "dance"}), "Invalid")] {
        let (status, error) = asked.post(&path, body).await;
        assert_eq!((status, &error["errors"][0]["field"]), (409, &json!("action")));
        assert_eq!(error["errors"][0]["code"], code);
    }
    let wrapped = json!({"payload": {"alias": "x"}});
    let (status, error) = asked.post(&format!("{path}?action=update"), wrapped).await;
    let expected = json!({
        "code": "ValidationFailed", "message": "No VM parameters provided", "errors": [],
    });
    assert_eq!((status, error), (409, expected));
    let (status, _) =
        asked.post(&format!("{path}?action=update"), json!({"alias": "a", "sync": true})).await;
    assert_eq!(status, 409);
    for image in [json!(null), json!("x"), json!(Uuid::new_v4())] {
        let body = json!({"action": "reprovision", "image_uuid": image});
        let (status, error) = asked.post(&path, body).await;
        assert_eq!((status, &error["errors"][0]["field"]), (409, &json!("image_uuid")));
    }
    let (status, error) =
        asked.post("/vms", json!({"alias": "-x", "uuid": zone, "server_uuid": "y"})).await;
    assert_eq!((status, &error["message"]), (409, &json!("Invalid VM parameters")));
    let fields: Vec<&str> = error["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["uuid", "owner_uuid", "brand", "server_uuid", "alias", "image_uuid"]);
    let job = Uuid::new_v4();
    assert_eq!(asked.get(&format!("/jobs/{job}")).await.0, 404);
    assert_eq!(asked.get("/ping").await.1["status"], "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_taken_even_by_the_vm_itself() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Webapi).await;
    let asked = Asked::new(&lab).await;
    let path = format!("/vms/{zone}?action=update");
    let update = |alias: &str| json!({"alias": alias});
    let job = asked.follow(asked.post(&path, update("2.postgres.x-1")).await).await;
    assert_eq!((&job["name"], &job["execution"]), (&json!("update-7.1.10"), &json!("succeeded")));
    assert_eq!(lab.zones.status(zone).unwrap().spec.alias, "2.postgres.x-1");
    let (status, error) = asked.post(&path, update("2.postgres.x-1")).await;
    let duplicate = json!([
        {"field": "alias", "code": "Duplicate", "message": "Already exists for this owner_uuid"},
    ]);
    let expected = json!({"code": "ValidationFailed",
        "message": "Invalid VM update parameters", "errors": duplicate});
    assert_eq!((status, error), (409, expected));
    let (status, error) = asked.post("/vms", payload(&lab, "2.postgres.x-1")).await;
    assert_eq!((status, &error["errors"]), (409, &duplicate));
    assert_eq!(error["message"], "Invalid VM parameters");
    let mut others = payload(&lab, "2.postgres.x-1");
    others["owner_uuid"] = json!(Uuid::new_v4());
    asked.follow(asked.post("/vms", others).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_strict_filters_and_pages() {
    let lab = Lab::new();
    let zones = [lab.zone(Role::Webapi).await, lab.zone(Role::Webapi).await];
    lab.zone(Role::Deployment).await;
    let asked = Asked::new(&lab).await;
    let (head, all) = asked.curl_with_head("GET", "/vms?offset=0", None).await;
    assert!(head.contains("x-joyent-resource-count: 3"), "{head}");
    assert_eq!(all.as_array().unwrap().len(), 3);
    let (head, page) = asked.curl_with_head("GET", "/vms?limit=2&offset=2&fields=uuid", None).await;
    assert!(head.contains("x-joyent-resource-count: 3"), "{head}");
    assert_eq!(page, json!([{"uuid": all[2]["uuid"]}]));
    assert_eq!(asked.get("/vms?limit=2&offset=4").await.1, json!([]));
    let (_, found) = asked.get("/vms?alias=webapi.&state=active&tag.manta_role=webapi").await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    let (_, found) = asked.get(&format!("/vms?uuids={},{}", zones[0], zones[1])).await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    let (status, error) = asked.get("/vms?zone=x").await;
    assert_eq!((status, &error["code"]), (409, &json!("ValidationFailed")));
    asked.follow(asked.curl("DELETE", &format!("/vms/{}", zones[0]), None).await).await;
    assert_eq!(asked.get("/vms").await.1.as_array().unwrap().len(), 3);
    assert_eq!(asked.get("/vms?state=active").await.1.as_array().unwrap().len(), 2);
    assert_eq!(asked.get("/vms?state=destroyed").await.1[0]["uuid"], json!(zones[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_fail_as_they_are_told_and_outlive_vmapi() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Webapi).await;
    let asked = Asked::new(&lab).await;
    let fault = |task, object, after_acting| JobFault {
        task,
        message: "no space".to_owned(),
        object,
        after_acting,
    };
    asked.vmapi.fail_next(fault(JobTask::Update, false, false));
    asked.vmapi.fail_next(fault(JobTask::Update, true, true));
    assert_eq!(asked.vmapi.job_faults().len(), 2);
    let path = format!("/vms/{zone}");
    let update = |alias: &str| json!({"action": "update", "alias": alias});
    let job = asked.follow(asked.post(&path, update("first")).await).await;
    assert_eq!(
        (&job["execution"], &job["chain_results"][1]["error"]),
        (&json!("failed"), &json!("no space"))
    );
    assert_ne!(asked.get(&path).await.1["alias"], "first");
    let job = asked.follow(asked.post(&path, update("second")).await).await;
    let expected = json!({"name": "InternalError", "message": "no space"});
    assert_eq!(
        (&job["execution"], &job["chain_results"][1]["error"]),
        (&json!("failed"), &expected)
    );
    assert_eq!(asked.get(&path).await.1["alias"], "second");
    asked.vmapi.fail_next(fault(JobTask::Provision, false, false));
    let failing = payload(&lab, "webapi.x");
    let (status, error) = asked.post("/vms?sync=true", failing.clone()).await;
    assert_eq!((status, &error["message"]), (500, &json!("no space")));
    let failed = format!("/vms/{}", failing["uuid"].as_str().unwrap());
    assert_eq!(asked.get(&failed).await.1["state"], "failed");
    assert_eq!(asked.get("/vms?state=active").await.1.as_array().unwrap().len(), 1);
    asked.server.stop().await;
    drop(asked.vmapi);
    let again = Asked::new(&lab).await;
    assert_eq!(again.get(&path).await.1["alias"], "second");
    let (_, jobs) = again.get(&format!("{path}/jobs")).await;
    assert_eq!(jobs.as_array().unwrap().len(), 2);
    assert_eq!(again.get(&failed).await.1["state"], "failed");
}
