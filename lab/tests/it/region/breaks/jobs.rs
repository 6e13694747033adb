//! VMAPI's jobs.

use lab::{Fault, JobFault, JobTask, Role};
use serde_json::{Value, json};

use super::super::started::Region;
use super::super::{curl, eventually};
use super::{cause, heal};

pub(super) async fn jobs_fail_and_take_longer(region: &Region) {
    let zone = region.zone(Role::Webapi, 0).spec.uuid;
    let reboot = || {
        let url = region.url("vmapi", &format!("/vms/{zone}?action=reboot"));
        let accepted = curl(&["-X", "POST", "-d", "", &url]);
        region.url("vmapi", &format!("/jobs/{}", accepted["job_uuid"].as_str().unwrap()))
    };
    let outcome = |job: &str| {
        let over = curl(&[&format!("{job}/wait")]);
        let last = over["chain_results"].as_array().unwrap().last().unwrap()["error"].clone();
        (over["execution"].clone(), last)
    };
    let expected = (json!("succeeded"), json!(""));

    let message = "no room on the compute node".to_owned();
    let failure = JobFault { task: JobTask::Reboot, message, object: false, after_acting: false };
    cause(region, Fault::Job(failure.clone())).await;
    let failed = (json!("failed"), json!("no room on the compute node"));
    assert_eq!(outcome(&reboot()), failed);
    assert_eq!(region.control.faults().await.unwrap(), [], "only the next one fails");
    assert_eq!(outcome(&reboot()), expected);
    let forgiven = cause(region, Fault::Job(failure)).await;
    heal(region, forgiven).await;
    assert_eq!(outcome(&reboot()), expected);

    let delay = cause(region, Fault::JobDelay { task: JobTask::Reboot, seconds: 300 }).await;
    let job = reboot();
    let execution = |job: &str| -> Value { curl(&[job])["execution"].clone() };
    eventually("the job runs", async || execution(&job) == json!("running")).await;
    tokio::time::sleep(3 * region.lab.layout().options.job_duration).await;
    assert_eq!(execution(&job), json!("running"));
    heal(region, delay).await;
    assert_eq!(outcome(&job), expected);
}
