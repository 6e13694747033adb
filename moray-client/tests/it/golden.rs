//! The words of the real servers (`testdata/golden-moray`), and what they mean for what was asked.

use std::fs;
use std::path::Path;

use moray_client::{Error, ServerError};

fn recording(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden-moray");
    fs::read_to_string(directory.join(name)).unwrap()
}

fn error(method: &str, said: &str) -> Error {
    let (name, message) = said.split_once(": ").unwrap();
    let source = ServerError::new(name.to_owned().into(), message);
    Error::Server { method: method.to_owned(), source }
}

/// The errors of a recording that this client has written.
fn refusals(name: &str) -> Vec<Error> {
    let text = recording(name);
    let refusal = |line: &str| {
        let (method, said) = line.split_once(": ERR ")?.1.split_once(" was refused: ")?;
        Some(error(method, said.split(" | ").next()?))
    };
    text.lines().filter_map(refusal).collect()
}

#[test]
fn what_was_committed_although_postgresql_went_away_is_unknown() {
    let refusals = refusals("postgres-gone-at-commit.txt");
    let writes = refusals.iter().filter(|error| !error.is_not_found());
    let unknown = writes.inspect(|error| {
        assert!(error.outcome_unknown() && !error.is_retryable(), "{}", error.with_causes());
    });
    assert_eq!(unknown.count(), 5);
}

#[test]
fn what_failed_while_a_primary_was_replaced_is_unknown_or_can_be_repeated() {
    let text = recording("failover.txt");
    let failed = text.lines().filter_map(|line| line.split_once(" ms) ")).map(|(_, said)| said);
    let (mut unknown, mut again) = (0, 0);
    for said in failed.filter(|said| *said != "ok") {
        let error = error("putObject", said);
        assert_ne!(error.outcome_unknown(), error.is_retryable(), "{said}");
        if error.outcome_unknown() { unknown += 1 } else { again += 1 }
    }
    assert_eq!((unknown, again), (4, 4));
}

#[test]
fn every_other_refusal_is_known_to_be_one() {
    let files = ["probe-moray.txt", "probe-electric-moray.txt"];
    let refusals: Vec<Error> = files.into_iter().flat_map(refusals).collect();
    for error in &refusals {
        // A text of SQL can have its own COMMIT.
        let may_go_on = error.is_query_timeout();
        assert_eq!(error.outcome_unknown(), may_go_on, "{}", error.with_causes());
    }
    assert_eq!(refusals.len(), 101);
}
