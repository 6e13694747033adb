//! The control API, asked by its client and by curl.

use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;
use uuid::Uuid;

use super::*;
use crate::fault::{ActiveFault, Fault};
use crate::role::Role;
use crate::triton::ApiServer;
use crate::zones::tests::{Lab, eventually, processes};

struct TestHooks {
    faults: std::sync::Mutex<Vec<ActiveFault>>,
    stop: watch::Sender<bool>,
}

impl Hooks for TestHooks {
    async fn faults(&self) -> Vec<ActiveFault> {
        self.faults.lock().unwrap().clone()
    }

    async fn cause(&self, fault: Fault) -> Result<ActiveFault, Refusal> {
        if fault == Fault::ZooKeeper {
            return Err(Refusal::bad("there is no ZooKeeper"));
        }
        let mut faults = self.faults.lock().unwrap();
        let id = faults.len() as u64;
        let active = ActiveFault { id, since: jiff::Timestamp::UNIX_EPOCH, fault };
        faults.push(active.clone());
        Ok(active)
    }

    async fn heal(&self, id: Option<u64>) -> Result<Vec<ActiveFault>, Refusal> {
        let mut faults = self.faults.lock().unwrap();
        let healed = faults.extract_if(.., |fault| id.is_none_or(|id| fault.id == id));
        Ok(healed.collect())
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }
}

async fn serve(lab: &Lab) -> (ApiServer, ControlClient, watch::Receiver<bool>) {
    let (stop, stopped) = watch::channel(false);
    let hooks = TestHooks { faults: std::sync::Mutex::default(), stop };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = ControlServer::serve(listener, lab.zones.clone(), hooks).unwrap();
    let client = ControlClient::new(&format!("http://{}/", server.address()));
    (server, client, stopped)
}

fn refusal<T>(outcome: Result<T, ControlClientError>) -> (u16, String) {
    match outcome {
        Err(ControlClientError::Refused { status, message }) => (status, message),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_are_listed_and_their_services_governed() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Postgres).await;
    let (_server, client, _) = serve(&lab).await;
    assert_eq!(client.layout().await.unwrap(), *lab.zones.layout());
    assert_eq!(client.zones().await.unwrap(), [client.zone(zone).await.unwrap()]);
    let request = |instance: &str| SmfRequest {
        action: SmfAction::Disable,
        instance: instance.to_owned(),
        wait: true,
    };
    let done = client.smf(zone, &request("manatee-sitter")).await.unwrap();
    assert_eq!((done.len(), done[0].state), (1, ServiceState::Disabled));
    assert_eq!(done[0].fmri, "svc:/manta/application/manatee-sitter:default");
    let none = refusal(client.smf(zone, &request("x")).await);
    assert_eq!(none, (404, "Pattern 'x' doesn't match any instances".to_owned()));
    assert_eq!(refusal(client.smf(zone, &request("default")).await).0, 409);
    let unknown = Uuid::new_v4();
    let missing = refusal(client.zone(unknown).await);
    assert_eq!(missing, (404, format!("there is no zone {unknown}")));
    let stdin = "sleep 1000 & disown; exec >&- 2>&-; exit".to_owned();
    client.exec(zone, &ExecRequest { stdin, ..ExecRequest::default() }).await.unwrap();
    let commands: Vec<String> =
        client.processes(zone).await.unwrap().into_iter().map(|process| process.command).collect();
    assert!(commands.iter().any(|command| command.contains("lab-service registrar")));
    assert!(commands.iter().any(|command| command == "sleep 1000"), "{commands:?}");
    lab.zones.halt(zone).await.unwrap();
    assert_eq!(client.processes(zone).await.unwrap(), []);
    let stopped = refusal(client.exec(zone, &ExecRequest::default()).await);
    assert_eq!(stopped, (409, format!("zone {zone} is stopped")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_ends_with_the_connection() {
    let lab = Lab::new();
    let server_uuid = lab.zones.layout().servers[0].uuid;
    let (server, client, _) = serve(&lab).await;
    let argv = ["sh", "-c", "cat; echo \"$1\" >&2; exit 5", "sh", "a 'b'\n"].map(ToOwned::to_owned);
    let stdin = "input ü".to_owned();
    let request = ExecRequest { argv: argv.into(), stdin, ..ExecRequest::default() };
    let done = client.exec_global(server_uuid, &request).await.unwrap();
    assert_eq!((done.exit_code, done.stdout.as_str()), (5, "input ü"));
    assert_eq!(done.stderr, "a 'b'\n\n");
    let url = format!("http://{}/servers/{server_uuid}/exec", server.address());
    let body = r#"{"argv": ["sleep", "1000"]}"#;
    let mut curl = Command::new("curl")
        .args(["-s", "-H", "content-type: application/json", "-d", body, &url])
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mark = format!("LAB_ZONE=server:{server_uuid}");
    eventually("a process", async || processes(&mark) > 0).await;
    curl.kill().await.unwrap();
    eventually("no process", async || processes(&mark) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_and_the_end_are_the_labs() {
    let lab = Lab::new();
    let (_server, client, stopped) = serve(&lab).await;
    let fault = Fault::Kill { zone: Uuid::nil() };
    let first = client.cause(&fault).await.unwrap();
    let second = client.cause(&fault).await.unwrap();
    assert_eq!(client.faults().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(client.heal(Some(second.id)).await.unwrap(), [second]);
    assert_eq!(client.heal(None).await.unwrap(), [first]);
    assert_eq!(client.faults().await.unwrap(), []);
    let refused = refusal(client.cause(&Fault::ZooKeeper).await);
    assert_eq!(refused, (400, "there is no ZooKeeper".to_owned()));
    client.stop().await.unwrap();
    assert!(*stopped.borrow());
}
