//! The examples of `testdata/manatee-adm`: from a state and rows of PostgreSQL to what is printed.

use serde_json::{Map, Value, json};

use super::cluster::{Cluster, Member, Report};
use super::lag::Interval;
use super::state::State;
use super::table::{self, Column, PG_STATUS};

const E1: &str = include_str!("../../../testdata/manatee-adm/e1.json");

fn cluster(state: &str, reports: Vec<Report>) -> Cluster {
    let state = State::parse(&serde_json::from_str(state).unwrap()).unwrap();
    let silent = std::iter::repeat_with(Report::default);
    let members = state
        .peers()
        .zip(reports.into_iter().chain(silent))
        .map(|((role, peer), report)| Member { role, peer: peer.clone(), report })
        .collect();
    let zookeeper = "10.99.4.2:2181".to_owned();
    Cluster { zookeeper, shard: "9.moray.lab.example.net".to_owned(), state, members }
}

/// A row of the downstream with the last number `host`, and this peer's lag.
fn report(host: u8, sync_state: &str, position: &str, lag: Option<&str>) -> Report {
    let row = json!({
        "client_addr": format!("10.99.4.{host}"), "state": "streaming", "sync_state": sync_state,
        "sent_lsn": position, "write_lsn": position, "flush_lsn": position, "replay_lsn": position,
    });
    Report { replication: row.as_object().cloned(), ..last(lag) }
}

/// Nobody replicates from this one.
fn last(lag: Option<&str>) -> Report {
    let lag = lag.map(|lag| Interval::parse(lag).unwrap());
    Report { lag, ..Report::default() }
}

fn down() -> Report {
    Report { error: Some("ECONNREFUSED".to_owned()), ..Report::default() }
}

fn set(report: &mut Report, column: &str, value: &str) {
    report.replication.get_or_insert_with(Map::new).insert(column.to_owned(), Value::from(value));
}

fn healthy() -> Vec<Report> {
    let at = "2C/5A9BB0E0";
    vec![
        report(12, "sync", at, None),
        report(13, "async", at, Some("00:00:03.9")),
        last(Some("00:00:03")),
    ]
}

fn stripped(text: &str) -> String {
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The last table and the issues.
fn tail(cluster: &Cluster) -> String {
    let shown = table::show(cluster, true);
    let at = shown.rfind("ROLE     PEER     PG").unwrap();
    stripped(&shown[at..])
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../../testdata/manatee-adm/", $name, ".txt"))
    };
}

macro_rules! state {
    ($name:literal) => {
        include_str!(concat!("../../../testdata/manatee-adm/", $name, ".json"))
    };
}

#[test]
fn e1_healthy() {
    let cluster = cluster(E1, healthy());
    assert_eq!(stripped(&table::show(&cluster, true)), text!("e1"));
    let short = table::show(&cluster, false);
    assert!(!short.contains("PEERNAME"));
    assert!(
        short.ends_with("-             -             -             0m03s \n"),
        "padded:\n{short}"
    );
}

#[test]
fn e2_frozen() {
    let shown = stripped(&table::show(&cluster(state!("e2"), healthy()), true));
    let (keys, rest) = text!("e2").split_once('…').unwrap();
    assert!(rest.contains("tables as E1"));
    let tables = &text!("e1")[text!("e1").find("\n\n").unwrap() + 2..];
    assert_eq!(shown, format!("{keys}{tables}"));
}

#[test]
fn e3_singleton() {
    let cluster = cluster(state!("e3"), vec![last(None)]);
    assert_eq!(stripped(&table::show(&cluster, true)), text!("e3"));
}

#[test]
fn e4_a_chain_of_six() {
    let at = "61/F0C4A9D8";
    let reports = vec![
        report(12, "sync", at, None),
        report(13, "async", at, Some("00:00:01")),
        report(14, "async", at, Some("00:00:01")),
        report(15, "async", at, Some("00:00:02")),
        report(16, "async", at, Some("00:01:04")),
        last(Some("02:03:09")),
    ];
    assert_eq!(stripped(&table::show(&cluster(state!("e4"), reports), true)), text!("e4"));
}

#[test]
fn e5_a_deposed_peer() {
    let reports = vec![report(13, "sync", "2C/6100A1B8", None), last(Some("00:00:12"))];
    assert_eq!(stripped(&table::show(&cluster(state!("e5"), reports), true)), text!("e5"));
}

#[test]
fn e6_the_sync_is_missing() {
    let reports = vec![last(None), down(), last(Some("00:14:02"))];
    assert_eq!(tail(&cluster(E1, reports)), text!("e6"));
}

#[test]
fn e7_another_downstream() {
    let mut reports = healthy();
    for (column, value) in
        [("client_addr", "10.99.4.13"), ("state", "catchup"), ("sync_state", "potential")]
    {
        set(&mut reports[0], column, value);
    }
    reports[1].lag = Interval::parse("00:00:00");
    reports[2].lag = Interval::parse("00:00:00");
    assert_eq!(tail(&cluster(E1, reports)), text!("e7"));
}

#[test]
fn e8_the_primary_is_down() {
    let mut reports = healthy();
    reports[0] = down();
    reports[1].lag = Interval::parse("00:00:00");
    reports[2].lag = Interval::parse("00:00:00");
    assert_eq!(tail(&cluster(E1, reports)), text!("e8"));
}

#[test]
fn a_row_without_a_state_is_none() {
    let mut reports = healthy();
    reports[1].replication.as_mut().unwrap().remove("state");
    let cluster = cluster(E1, reports);
    let lines: Vec<_> = cluster.issues().iter().map(super::cluster::Issue::line).collect();
    assert_eq!(lines, ["warning: peer \"ab20c0de\": downstream replication peer not connected"]);
}

#[test]
fn a_wrong_kind_of_replication_is_an_error_of_the_primarys() {
    let mut reports = healthy();
    set(&mut reports[0], "sync_state", "async");
    set(&mut reports[1], "sync_state", "sync");
    let lines: Vec<_> =
        cluster(E1, reports).issues().iter().map(super::cluster::Issue::line).collect();
    assert_eq!(
        lines,
        [
            "error: peer \"aa10c0de\": expected downstream replication to be \"sync\", but found \"async\"",
            "warning: peer \"ab20c0de\": expected downstream replication to be \"async\", but found \"sync\"",
        ]
    );
}

#[test]
fn older_versions_have_other_columns() {
    let mut old = report(12, "sync", "0/1", None);
    let row = old.replication.as_mut().unwrap();
    let lsn = row.remove("sent_lsn").unwrap();
    row.insert("sent_location".to_owned(), lsn);
    let cluster = cluster(E1, vec![old]);
    let columns = [Column::Role, Column::Sent];
    let text = table::table(&cluster, &columns, false);
    assert_eq!(text.lines().next(), Some("primary  0/1          "));
}

#[test]
fn columns_can_be_chosen() {
    let columns = Column::parse_list(&["peername", "pg-write", "pg-lag"]).unwrap();
    let text = table::table(&cluster(E1, healthy()), &columns, true);
    assert_eq!(
        text.lines().next(),
        Some("PEERNAME                             WRITE         LAG   ")
    );
    assert!(Column::parse_list(&["pg-mood"]).is_err());
    assert!(PG_STATUS.iter().any(|column| column.needs_postgres()));
}
