//! Servers, scripts and tasks.

use std::time::Duration;

use sapi_client::ErrorKind;
use sapi_client::cnapi::{Extra, Script, ServerFilter, ServerStatus, TaskError, request};
use serde_json::json;

use crate::support::{Act, Server, cut, json};

const SERVER: &str = "44454c4c-0000-1000-8000-000000000001";
const TASK: &str = "99999999-0000-4000-8000-000000000001";

#[tokio::test]
async fn a_server_is_asked_for_without_parameters() {
    let body = json!({"uuid": SERVER, "hostname": "headnode", "status": "running", "ram": 4096, "last_heartbeat": null, "sysinfo": {"a": 1}});
    let server = Server::script([json(200, &body)]).await;
    let node = server.cnapi().get_server(SERVER.parse().unwrap()).await.unwrap();
    assert_eq!(node.status, Some(ServerStatus::Running));
    assert_eq!(node.other.get("sysinfo"), Some(&json!({"a": 1})));
    assert_eq!(server.lines(), [format!("GET /servers/{SERVER}")]);
    let elsewhere =
        Server::script([json(404, &json!({"code": "ResourceNotFound", "message": "no"}))]).await;
    assert!(
        elsewhere.cnapi().get_server(SERVER.parse().unwrap()).await.unwrap_err().is_not_found()
    );
    let refused = Server::script([json(
        409,
        &json!({"code": "InvalidArgument", "message": "Invalid server_uuid"}),
    )])
    .await;
    assert!(!refused.cnapi().get_server(SERVER.parse().unwrap()).await.unwrap_err().is_not_found());
}

#[test]
fn only_parameters_that_cnapi_knows_are_sent() {
    let filter = ServerFilter {
        hostname: Some("cn1".to_owned()),
        setup: Some(true),
        headnode: Some(false),
        reserved: Some(false),
        uuids: vec![SERVER.parse().unwrap(), TASK.parse().unwrap()],
        extras: vec![Extra::Sysinfo, Extra::Agents],
    };
    let call = request::list_servers(&filter, 1000, 0);
    assert_eq!(
        call.request().path(),
        format!(
            "/servers?hostname=cn1&setup=true&headnode=false&reserved=false&uuids={SERVER}%2C{TASK}&extras=sysinfo%2Cagents&limit=1000&offset=0"
        )
    );
}

#[tokio::test]
async fn a_script_is_run_once_always_with_json_and_never_with_a_timeout() {
    let failed = json(200, &json!({"exitCode": 3, "stdout": "out\n", "stderr": "err\n"}));
    let away = json(409, &json!({"code": "ServerNotRunning", "message": "no"}));
    let server = Server::script([failed, away, cut()]).await;
    let script = Script::new("#!/bin/bash\nexit 3\n").unwrap().arg("a b").env("KEY", "value");
    let (cnapi, uuid) = (server.cnapi(), SERVER.parse().unwrap());
    let output = cnapi.execute(uuid, &script).await.unwrap();
    assert_eq!(
        (output.exit_code, output.stdout.as_str(), output.stderr.as_str()),
        (3, "out\n", "err\n")
    );
    assert_eq!(
        server.seen()[0].json(),
        json!({"script": "#!/bin/bash\nexit 3\n", "args": ["a b"], "env": {"KEY": "value"}, "json": true})
    );
    assert_eq!(cnapi.execute(uuid, &script).await.unwrap_err().code(), Some("ServerNotRunning"));
    let error = cnapi.execute(uuid, &script).await.unwrap_err();
    assert!(error.outcome_unknown() && !error.is_retryable());
    assert_eq!(server.seen().len(), 3);
    assert!(Script::new("exit 3").is_err());

    let server = Server::script([Act::Hang(vec![])]).await;
    let call = request::execute(uuid, &script).within(Duration::from_millis(100));
    let error = server.cnapi().client().run(&call).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)) && error.outcome_unknown(), "{error}");
}

fn task(status: &str) -> Act {
    json(
        200,
        &json!({"id": TASK, "task": "x", "status": status, "history": [{"name": "error", "event": {"error": "no disk"}}]}),
    )
}

#[tokio::test]
async fn a_task_that_is_still_active_is_asked_for_again() {
    let server = Server::script([task("active"), cut(), task("complete")]).await;
    server.cnapi().wait_for_task(TASK.parse().unwrap(), Duration::from_secs(100)).await.unwrap();
    assert_eq!(server.lines()[0], format!("GET /tasks/{TASK}/wait?timeout=60"));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_failed_or_endless_task_is_an_error() {
    let server = Server::script([task("failure")]).await;
    let error = server
        .cnapi()
        .wait_for_task(TASK.parse().unwrap(), Duration::from_secs(10))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("the task {TASK} failed: no disk"));
    let server = Server::script([task("active")]).await;
    let error = server
        .cnapi()
        .wait_for_task(TASK.parse().unwrap(), Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(matches!(error, TaskError::Deadline { .. }), "{error}");
    assert_eq!(server.cnapi().get_task(TASK.parse().unwrap()).await.unwrap().id.to_string(), TASK);
}
