//! The real node-fast on the other side. Runs when `NODE_FAST` is a directory with `node_modules/fast` in it
//! (`scripts/node-fast-setup.sh` makes one).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use moray_client::{
    Client, ClientOptions, Error, ErrorName, Nulls, Reply, Request, Server, ServerError, Version,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::raw::DEADLINE;

fn node_fast() -> Option<PathBuf> {
    let directory = env::var_os("NODE_FAST").map(PathBuf::from);
    assert!(directory.is_some() || env::var_os("CI").is_none(), "NODE_FAST must be set if CI is");
    if directory.is_none() {
        println!("skipped: NODE_FAST is not set (docs/testing.md)");
    }
    directory
}

fn node(script: &str, directory: &Path) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/node_fast");
    let mut command = Command::new("node");
    // It warns of things that node-fast uses and that have grown old.
    command.arg("--no-deprecation").arg(scripts.join(script)).arg(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

async fn server(directory: &Path) -> (Child, String) {
    let mut child = node("server.js", directory).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    timeout(DEADLINE, stdout.read_line(&mut line)).await.unwrap().unwrap();
    (child, format!("127.0.0.1:{}", line.trim()))
}

#[tokio::test]
async fn our_client_and_its_server() {
    let Some(directory) = node_fast() else { return };
    let (_child, address) = server(&directory).await;
    for version in [Version::V1, Version::V2] {
        let options = ClientOptions { version, ..Default::default() };
        let client = Client::new(address.clone(), options);
        let values = [json!({"s": "é日本😀", "n": 1e21, "u": u64::MAX}), json!([null, -0.5])];
        let answer = client.call("echo", &values, Nulls::Refuse).await.unwrap();
        let answer = answer.all().await.unwrap();
        // JavaScript has no integers of 64 bits.
        let rounded = json!({"s": "é日本😀", "n": 1e21, "u": 18_446_744_073_709_552_000.0});
        assert_eq!(answer, [json!({"value": rounded}), json!({"value": [null, -0.5]})]);

        let mut failing = client.call("fail", &[], Nulls::Refuse).await.unwrap();
        assert_eq!(failing.next().await.unwrap(), Some(json!({"value": "before"})));
        let error = failing.next().await.unwrap_err();
        assert!(error.is_etag_conflict());
        let error = error.server_error().unwrap();
        assert_eq!(error.message, "m::k was expected to have etag \"é\", but was \"null\"");
        assert_eq!(error.context.as_ref().unwrap()["expected"], "é");
        assert!(client.ping(false).await.unwrap_err().is_unsupported_method());

        let mut requests = JoinSet::new();
        for number in 0..200 {
            let client = client.clone();
            requests.spawn(async move {
                let answer = client.call("reverse", &[json!(number)], Nulls::Refuse).await;
                assert_eq!(answer.unwrap().all().await.unwrap(), [json!({"value": number})]);
            });
        }
        requests.join_all().await;
        let many = client.call("count", &[json!(5000)], Nulls::Refuse).await.unwrap();
        assert_eq!(many.all().await.unwrap().len(), 5000);
    }
}

#[tokio::test]
async fn our_client_and_the_end_of_its_server() {
    let Some(directory) = node_fast() else { return };
    let (mut child, address) = server(&directory).await;
    let options =
        ClientOptions { connect_patience: std::time::Duration::ZERO, ..Default::default() };
    let client = Client::new(address, options);
    let mut sleeping = client.call("reverse", &[json!(-60_000)], Nulls::Refuse).await.unwrap();
    client.call("echo", &[], Nulls::Refuse).await.unwrap().all().await.unwrap();
    child.kill().await.unwrap();
    assert!(sleeping.next().await.unwrap_err().outcome_unknown());
    // A connection may not have noticed yet.
    let error = loop {
        let error = client.ping(false).await.unwrap_err();
        if !error.outcome_unknown() {
            break error;
        }
    };
    assert!(matches!(error, Error::Connect { .. } | Error::NotSent { .. }), "{error:?}");
}

async fn answer(request: Request, reply: Reply) -> Result<(), ServerError> {
    let send = async |value| reply.send(value).await.unwrap_or_default();
    match request.method.as_str() {
        "echo" => {
            for value in request.args {
                send(json!({"value": value})).await;
            }
        }
        "count" => {
            for number in 0..request.args[0].as_u64().unwrap() {
                send(json!({"value": number})).await;
            }
        }
        "fail" => {
            let error = ServerError::new(ErrorName::ReadOnly, "some vnodes are in read-only mode");
            return Err(error.with_context(json!({"é": "日本"})));
        }
        other => return Err(ServerError::unsupported_method(other)),
    }
    Ok(())
}

#[tokio::test]
async fn its_client_and_our_server() {
    let Some(directory) = node_fast() else { return };
    let server = Server::start("127.0.0.1:0", answer).await.unwrap();
    for version in ["1", "2"] {
        let mut command = node("client.js", &directory);
        command.arg(server.address().port().to_string()).arg(version);
        let output = timeout(DEADLINE, command.output()).await.unwrap().unwrap();
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let echoed = json!({"s": "é日本😀", "n": 1e21, "i": 123_456_789_012_345_680_000.0});
        assert_eq!(result["echo"], json!([{"value": echoed}, {"value": ["x"]}]));
        let error = json!({"name": "ReadOnlyError", "context": {"é": "日本"},
            "message": "some vnodes are in read-only mode"});
        assert_eq!(result["error"], error);
        assert_eq!(result["unsupported"], "unsupported RPC method: \"nothing\"");
        assert_eq!(result["many"], 100);
    }
}
