//! Zones, their aliases, and jobs.

use std::time::Duration;

use sapi_client::vmapi::{Ended, JobError, VmChange, VmState, Wait};
use serde_json::{Value, json};

use crate::support::{Act, Server, cut, json};

const VM: &str = "e1b2c3d4-1111-4a2b-8c3d-000000000001";
const JOB: &str = "99999999-0000-4000-8000-000000000001";
const IMAGE: &str = "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";

fn vm(alias: &str) -> Act {
    json(
        200,
        &json!({"uuid": VM, "alias": alias, "state": "running", "image_uuid": IMAGE, "server_uuid": null, "pid": 7}),
    )
}

fn duplicate() -> Act {
    json(
        409,
        &json!({
            "code": "ValidationFailed", "message": "Invalid VM update parameters",
            "errors": [{"field": "alias", "code": "Duplicate", "message": "Already exists for this owner_uuid"}],
        }),
    )
}

fn accepted() -> Act {
    json(202, &json!({"vm_uuid": VM, "job_uuid": JOB}))
}

#[tokio::test]
async fn an_alias_is_set_unless_it_is_there() {
    let alias = "b".parse().unwrap();
    let server = Server::script([vm("b")]).await;
    assert_eq!(
        server.vmapi().set_alias(VM.parse().unwrap(), &alias).await.unwrap(),
        VmChange::Already
    );

    let server = Server::script([vm("a"), accepted()]).await;
    let change = server.vmapi().set_alias(VM.parse().unwrap(), &alias).await.unwrap();
    assert!(matches!(change, VmChange::Accepted(accepted) if accepted.job_uuid.to_string() == JOB));

    // The job of an earlier try was faster.
    let server = Server::script([vm("a"), duplicate(), vm("b")]).await;
    assert_eq!(
        server.vmapi().set_alias(VM.parse().unwrap(), &alias).await.unwrap(),
        VmChange::Already
    );

    // Another VM has it.
    let server = Server::script([vm("a"), duplicate(), vm("a")]).await;
    let error = server.vmapi().set_alias(VM.parse().unwrap(), &alias).await.unwrap_err();
    assert_eq!(error.field_errors()[0].code.as_deref(), Some("Duplicate"));

    let server = Server::script([vm("a"), cut()]).await;
    let error = server.vmapi().set_alias(VM.parse().unwrap(), &alias).await.unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn an_image_is_set_unless_it_is_there() {
    let server = Server::script([vm("a")]).await;
    let same =
        server.vmapi().reprovision(VM.parse().unwrap(), IMAGE.parse().unwrap()).await.unwrap();
    assert_eq!(same, VmChange::Already);
    let server = Server::script([vm("a"), accepted()]).await;
    let other =
        server.vmapi().reprovision(VM.parse().unwrap(), JOB.parse().unwrap()).await.unwrap();
    assert!(matches!(other, VmChange::Accepted(_)));
    assert_eq!(server.lines()[1], format!("POST /vms/{VM}?action=reprovision"));
}

#[tokio::test]
async fn actions_are_accepted_and_never_repeated() {
    let server = Server::script([accepted(), accepted(), accepted(), cut()]).await;
    let (vmapi, uuid) = (server.vmapi(), VM.parse().unwrap());
    vmapi.start(uuid).await.unwrap();
    vmapi.stop(uuid).await.unwrap();
    vmapi.reboot(uuid).await.unwrap();
    assert!(vmapi.stop(uuid).await.unwrap_err().outcome_unknown());
    let lines =
        ["start", "stop", "reboot", "stop"].map(|action| format!("POST /vms/{VM}?action={action}"));
    assert_eq!(server.lines(), lines);
}

#[tokio::test]
async fn a_destroyed_vm_is_found_and_does_not_exist() {
    let body = json!({
        "uuid": VM, "alias": null, "state": "destroyed", "server_uuid": null, "owner_uuid": null, "zone_state": null,
        "nics": [{"ip": "10.0.0.1", "nic_tag": "manta"}, {"ip": "10.0.0.2", "nic_tag": "admin", "primary": true}],
        "tags": {}, "customer_metadata": {"user-script": "secret!"}, "internal_metadata": {}, "quota": 25,
    });
    let server = Server::script([json(200, &body)]).await;
    let vm = server.vmapi().get_vm(VM.parse().unwrap()).await.unwrap();
    assert_eq!(vm.state, Some(VmState::Destroyed));
    assert!(!vm.exists());
    assert_eq!(vm.primary_ip(), Some("10.0.0.2"));
    assert_eq!(vm.image_uuid, None);
    assert_eq!(vm.other.get("quota"), Some(&json!(25)));
    assert!(!format!("{vm:?}").contains("secret!"));
    let odd = Server::script([json(200, &json!({"uuid": VM, "state": "hibernating"}))]).await;
    let vm = odd.vmapi().get_vm(VM.parse().unwrap()).await.unwrap();
    assert_eq!(vm.state, Some(VmState::Other("hibernating".to_owned())));
}

fn job(execution: &str, results: &Value) -> Act {
    json(
        200,
        &json!({"uuid": JOB, "name": "update-7.1.10", "execution": execution, "chain_results": results}),
    )
}

fn wait() -> Wait {
    Wait { deadline: Duration::from_secs(10), pause: Duration::from_millis(5) }
}

#[tokio::test]
async fn a_job_is_followed_to_its_end_through_passing_troubles() {
    let unavailable = json(
        503,
        &json!({"code": "ServiceUnavailableError", "message": "Workflow API is unavailable"}),
    );
    let acts = [
        job("queued", &Value::Null),
        cut(),
        job("running", &json!([])),
        unavailable,
        job("waiting", &json!([])),
        job("succeeded", &json!([{"name": "a", "result": "OK", "error": ""}])),
    ];
    let server = Server::script(acts).await;
    let job = server.vmapi().wait_for_job(JOB.parse().unwrap(), wait()).await.unwrap();
    assert_eq!(job.name.as_deref(), Some("update-7.1.10"));
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn every_bad_end_of_a_job_is_told_with_its_reason() {
    let text = json!([{"name": "first", "result": "OK", "error": ""}, {"name": "second", "result": "", "error": "no space"}]);
    let object = json!([{"name": "first", "error": {"name": "InternalError", "message": "No compute resources available"}}]);
    let silent = json!([{"name": "first", "result": "OK"}]);
    for (execution, results, how, said) in [
        (
            "failed",
            &text,
            Ended::Failed,
            "the job update-7.1.10 (99999999-0000-4000-8000-000000000001) failed: second: no space",
        ),
        (
            "failed",
            &object,
            Ended::Failed,
            "the job update-7.1.10 (99999999-0000-4000-8000-000000000001) failed: first: No compute resources available",
        ),
        (
            "canceled",
            &silent,
            Ended::Canceled,
            "the job update-7.1.10 (99999999-0000-4000-8000-000000000001) was canceled",
        ),
        (
            "retried",
            &Value::Null,
            Ended::Retried,
            "the job update-7.1.10 (99999999-0000-4000-8000-000000000001) was given up for another one",
        ),
    ] {
        let server = Server::script([job("running", &Value::Null), job(execution, results)]).await;
        let error = server.vmapi().wait_for_job(JOB.parse().unwrap(), wait()).await.unwrap_err();
        assert_eq!(error.to_string(), said);
        assert!(matches!(error, JobError::Ended { how: ended, .. } if ended == how));
    }
}

#[tokio::test]
async fn a_job_is_not_followed_for_ever() {
    let short = Wait { deadline: Duration::from_millis(100), ..wait() };
    let server = Server::script([job("running", &Value::Null)]).await;
    let error = server.vmapi().wait_for_job(JOB.parse().unwrap(), short).await.unwrap_err();
    assert!(matches!(error, JobError::Deadline { job: Some(_), .. }), "{error}");
    for act in [Act::Hang(vec![]), cut()] {
        let away = Server::script([job("running", &Value::Null), act]).await;
        let began = std::time::Instant::now();
        let error = away.vmapi().wait_for_job(JOB.parse().unwrap(), short).await.unwrap_err();
        assert!(matches!(error, JobError::Deadline { job: Some(_), .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5), "the client's own limits are longer");
    }
    let gone =
        Server::script([json(404, &json!({"code": "ResourceNotFound", "message": "no"}))]).await;
    let error = gone.vmapi().wait_for_job(JOB.parse().unwrap(), wait()).await.unwrap_err();
    assert!(matches!(&error, JobError::Call { source, .. } if source.is_not_found()), "{error}");
}

#[test]
fn aliases() {
    use sapi_client::vmapi::Alias;
    for good in ["1.postgres.coal.joyent.us-8a1d0b7e", "a", &"x".repeat(189)] {
        assert_eq!(good.parse::<Alias>().unwrap().as_str(), good);
    }
    for bad in ["", "-a", ".a", "a b", "a/b", "é", &"x".repeat(190)] {
        assert!(bad.parse::<Alias>().is_err(), "{bad}");
    }
}
