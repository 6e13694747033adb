//! The examples run, and tell what they promise.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use test_servers::{ZooKeeper, tied_to_the_test};

use crate::support::{first_state, peer, session, shard};

const PATIENCE: Duration = Duration::from_secs(20);

/// Cargo builds the examples along with the tests, in a directory beside theirs.
fn program(example: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.parent().unwrap().parent().unwrap().join("examples").join(example);
    assert!(program.exists(), "{} is missing: run the tests without --test", program.display());
    program
}

pub(crate) fn run(example: &str, arguments: &[&str]) -> Output {
    Command::new(program(example)).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn check_state_tells_what_kills_a_sitter() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let good = testdata.join("states/e1.json");
    let output = run("check_state", &[good.to_str().unwrap()]);
    assert!(output.status.success() && stdout(&output).ends_with("may be written\n"), "{output:?}");

    let directory = tempfile::TempDir::new().unwrap();
    let bad = directory.path().join("bad.json");
    let text = std::fs::read_to_string(good).unwrap();
    std::fs::write(&bad, text.replacen("\"zoneId\"", "\"zone\"", 1)).unwrap();
    let output = run("check_state", &[bad.to_str().unwrap()]);
    assert!(!output.status.success());
    assert_eq!(stdout(&output), "primary.zoneId is not a string (every sitter dies)\n");

    let output = run("check_state", &[]);
    assert!(!output.status.success());
    assert!(stderr(&output).starts_with("error: usage: check_state FILE"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_tells_every_change_and_show_that_there_is_nothing() {
    let server = ZooKeeper::start();
    let missing = run("show", &[&server.address(), "x"]);
    assert!(!missing.status.success());
    assert_eq!(stderr(&missing), "error: no state object exists for shard: \"x\"\n");

    let mut child = tied_to_the_test(program("watch"), None)
        .args([&server.address(), "x"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    // Others may come in between.
    let expect = |line: &str| {
        while receiver.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{line}: {error}"))
            != line
        {}
    };
    let session = session(&server).await;
    let shard = shard(&session, "x");
    expect("state: none");
    shard.establish(&first_state()).await.unwrap();
    expect("state: version 0, generation 1, aa000001 <- aa000002 <- aa000003, frozen");
    shard.announce(&peer(2)).await.unwrap();
    expect("peers: 10.0.0.2:5432:12345");
    shard.unfreeze("setup").await.unwrap();
    expect("state: version 1, generation 1, aa000001 <- aa000002 <- aa000003");
    child.kill().unwrap();
    child.wait().unwrap();
}
