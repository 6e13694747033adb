//! Secrets show up nowhere: not in `Debug`, not in errors, not in what is logged.

use std::error::Error as StdError;
use std::io::Write;
use std::sync::{Arc, Mutex};

use sapi_client::Attributes;
use sapi_client::cnapi::Script;
use sapi_client::sapi::{Change, InstanceFilter, NewInstance};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Act, Server, cut, json, reply};

const UUID: &str = "e1b2c3d4-1111-4a2b-8c3d-000000000001";
/// In every secret of these tests.
const SECRET: &str = "hunter2";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn metadata() -> Attributes {
    Attributes::new()
        .with("UFDS_ROOT_PW", "hunter2-root")
        .with("user-script", "#!/bin/bash\necho hunter2-script\n")
        .with("nested", json!({"adminPassword": ["hunter2-nested"], "key": "-----BEGIN RSA PRIVATE KEY-----hunter2"}))
        .with("rabbitmq", "guest:hunter2-rabbit:127.0.0.1:5672")
        .with("UFDS_URL", "ldaps://root:hunter2-url@ufds.example.com")
        .with("SHARD", "1")
}

/// Everything that an error has to say.
fn said(error: &(dyn StdError + 'static)) -> String {
    let mut said = vec![format!("{error:?} {error:#?} {error}")];
    let mut source = error.source();
    while let Some(cause) = source {
        said.push(format!("{cause:?} {cause}"));
        source = cause.source();
    }
    said.join(" ")
}

/// The index of the answer that quotes a secret without its name.
const UNNAMED: usize = 2;

/// Answers that quote secrets.
fn quoting() -> Vec<Act> {
    let quoted = metadata();
    let quoted = Value::Object(quoted.as_map().clone());
    let typed = |body: &str| reply(200, &[("Content-Type", "application/json")], body.as_bytes());
    vec![
        json(
            409,
            &json!({"code": "SchemaValidationError", "message": "metadata.UFDS_ROOT_PW: hunter2-stored is not a number"}),
        ),
        json(409, &json!({"code": "InvalidContent", "message": format!("Invalid JSON: {quoted}")})),
        json(
            409,
            &json!({"code": "V", "message": "m", "errors": [{"field": "x", "code": "Invalid", "message": "hunter2-root is short"}]}),
        ),
        json(500, &json!({"message": "cannot bind to ldaps://root:hunter2-other@ufds"})),
        reply(500, &[("Content-Type", "text/html")], quoted.to_string().as_bytes()),
        reply(200, &[("Content-Type", "text/html")], quoted.to_string().as_bytes()),
        typed(&json!({"uuid": "hunter2"}).to_string()),
        typed(&json!({"uuid": UUID, "metadata": "hunter2"}).to_string()),
        typed(&format!("{{\"metadata\": {quoted}")),
        typed("{\"UFDS_ROOT_PW\": hunter2}"),
        cut(),
    ]
}

#[tokio::test]
async fn no_error_and_no_log_tells_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let new = NewInstance {
        uuid: UUID.parse().unwrap(),
        service_uuid: UUID.parse().unwrap(),
        params: None,
        metadata: Some(metadata()),
        manifests: None,
        master: None,
        wait: true,
    };
    let change = Change::update().metadata(metadata());
    let script = Script::new("#!/bin/bash\necho hunter2-body")
        .unwrap()
        .arg("hunter2-arg")
        .env("X", "hunter2-env");
    let mut shown = vec![format!(
        "{new:?} {change:?} {script:?} {:?}",
        sapi_client::sapi::request::create_instance(&new)
    )];
    for (i, act) in quoting().into_iter().enumerate() {
        let missing = json(404, &json!({"code": "ResourceNotFound", "message": "no"}));
        let server = Server::script([missing, act.clone()]).await;
        shown.push(said(&server.sapi().create_instance(&new).await.unwrap_err()));
        let server = Server::script([act.clone()]).await;
        let sapi = sapi_client::sapi::Sapi::new(
            server.url(),
            crate::support::transport(),
            sapi_client::Settings {
                retry: sapi_client::Retry::never(),
                ..crate::support::settings()
            },
        );
        shown.push(said(&sapi.change_instance(UUID.parse().unwrap(), &change).await.unwrap_err()));
        // A secret that is neither named nor was sent cannot be told from other words.
        if i != UNNAMED {
            shown.push(said(&sapi.list_instances(&InstanceFilter::default()).await.unwrap_err()));
        }
    }
    let echo = json(
        500,
        &json!({"code": "InternalError", "message": "ran hunter2-arg with hunter2-env: #!/bin/bash\necho hunter2-body"}),
    );
    let server = Server::script([
        echo,
        json(200, &json!({"exitCode": 0, "stdout": "hunter2", "stderr": "hunter2"})),
    ])
    .await;
    shown.push(said(&server.cnapi().execute(UUID.parse().unwrap(), &script).await.unwrap_err()));
    shown.push(format!(
        "{:?}",
        server.cnapi().execute(UUID.parse().unwrap(), &script).await.unwrap()
    ));
    let shown = shown.join(" ");
    assert!(!shown.contains(SECRET), "{shown}");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains(UUID) && log.contains("request_id"), "calls are logged: {log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn no_object_shows_a_secret() {
    let quoted = Value::Object(metadata().as_map().clone());
    let object = json!({
        "uuid": UUID, "id": UUID, "name": "x", "metadata": quoted, "params": quoted, "status": "active",
        "customer_metadata": quoted, "internal_metadata": quoted, "tags": quoted, "manifests": quoted,
        "chain_results": [{"name": "a", "result": quoted, "error": {"message": "UFDS_ROOT_PW is hunter2"}}],
        "unknown": quoted, "UNKNOWN_PW": "hunter2",
    });
    let server = Server::script([json(200, &object)]).await;
    let (sapi, uuid) = (server.sapi(), UUID);
    let mut shown = Vec::new();
    shown.push(format!("{:?}", sapi.get_application(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:?}", sapi.get_service(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:?}", sapi.get_instance(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:#?}", sapi.get_manifest(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:#?}", sapi.get_payload(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:?}", server.imgapi().get_image(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:?}", server.vmapi().get_vm(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:?}", server.vmapi().get_job(uuid.parse().unwrap()).await.unwrap()));
    shown.push(format!("{:?}", server.cnapi().get_task(uuid.parse().unwrap()).await.unwrap()));
    let configs = json!({"manifests": [object], "metadata": quoted});
    let server = Server::script([json(200, &configs)]).await;
    shown.push(format!(
        "{:?}",
        server.sapi().get_configs(uuid.parse().unwrap(), None).await.unwrap()
    ));
    let shown = shown.join(" ");
    assert!(shown.contains("[redacted]") && shown.contains("SHARD"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}
