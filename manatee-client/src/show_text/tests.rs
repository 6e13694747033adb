use proptest::prelude::*;

use super::*;
use crate::testdata::{EXAMPLE_SHOWS, example_show};

#[test]
fn every_example_is_read_with_and_without_blanks_at_the_end_of_lines() {
    for (name, text) in EXAMPLE_SHOWS {
        let plain = ShowText::parse(text).unwrap();
        let padded: Vec<_> = text.lines().map(|line| format!("{line}   ")).collect();
        let padded = padded.join("\n");
        assert_eq!(ShowText::parse(&padded).unwrap(), plain, "{name}");
        assert_eq!(plain.cluster, "9.moray.lab.example.net", "{name}");
        assert_eq!(plain.peers.len(), plain.servers.len(), "{name}");
    }
}

#[test]
fn lines_describe_the_connection_to_the_next_peer() {
    let show = ShowText::parse(example_show("e4")).unwrap();
    assert_eq!((show.generation.as_str(), show.init_wal.as_str()), ("7", "61/F00D0028"));
    assert!(show.freeze.unwrap().reason.starts_with("reshard plan 3d0e5c1a"));
    assert_eq!(show.servers[0].downstream.as_ref().unwrap().sync_state, "sync");
    assert_eq!(show.servers[4].lag, Lag::Seconds(64));
    assert_eq!(show.servers[5].downstream, None);
    assert_eq!(show.servers[5].lag, Lag::Seconds(7389));
    assert_eq!(show.peers[5].ip, "10.99.4.16");
}

#[test]
fn deposed_failed_and_shifted_lines_are_read() {
    let deposed = ShowText::parse(example_show("e5")).unwrap();
    assert_eq!(deposed.servers[2].role, Role::Deposed);
    assert!(deposed.servers[2].online, "never asked");
    assert_eq!(deposed.issues.len(), 2);
    let down = ShowText::parse(example_show("e6")).unwrap();
    assert!(!down.servers[1].online);
    assert_eq!(down.issues[0].level, IssueLevel::Error);
    let shifted = ShowText::parse(example_show("e7")).unwrap();
    assert_eq!(shifted.servers[0].downstream.as_ref().unwrap().sync_state, "potential");
    assert!(ShowText::parse(example_show("e3")).unwrap().one_node_write_mode);
}

#[test]
fn the_last_peer_may_have_a_connection_and_lags_may_be_odd() {
    let text = example_show("e1").replace(
        "async    ac30c0de ok   -     -             -             -             0m03s",
        "async    ac30c0de ok   async 2C/5A9BB0E0   2C/5A9BB0E0   -   -1m-3s",
    );
    let show = ShowText::parse(&text).unwrap();
    let downstream = show.servers[2].downstream.as_ref().unwrap();
    assert_eq!(downstream.replay, None);
    assert_eq!(show.servers[2].lag, Lag::Seconds(-3));
}

#[test]
fn a_reason_may_be_any_text() {
    for reason in [
        "plain",
        "CM-77: two\nlines: with colons",
        "a table\n\nROLE     PEERNAME  IP\nprimary  zzzzzzzz 10.0.0.1\n\nand more",
        "ROLE PEER PG REPL SENT FLUSH REPLAY LAG\nprimary aa10c0de ok - - - - -\n\nerror: no error",
        "ends with blank lines\n\n",
        "",
    ] {
        for name in ["e2", "e4"] {
            let text = example_show(name);
            let (_, old) = text.split_once("freeze info: ").unwrap();
            let old = old.lines().next().unwrap();
            let show = ShowText::parse(&text.replace(old, reason)).unwrap();
            assert_eq!(show.freeze.unwrap().reason, reason, "{name}");
            assert_eq!(show.peers.len(), show.servers.len());
        }
    }
}

#[test]
fn legacy_freezes_are_shown_as_unknown_or_undefined() {
    for word in ["unknown", "undefined"] {
        let text = example_show("e2")
            .replace("2024-05-06T07:08:09.123Z", word)
            .replace("CM-77 switch replacement", word);
        let freeze = ShowText::parse(&text).unwrap().freeze.unwrap();
        assert_eq!((freeze.date.as_str(), freeze.reason.as_str()), (word, word));
    }
}

#[test]
fn without_v_there_is_no_table_of_peers() {
    let text = example_show("e1");
    let (keys, rest) = text.split_once("\n\n").unwrap();
    let (_, servers) = rest.split_once("\n\n").unwrap();
    let show = ShowText::parse(&format!("{keys}\n\n{servers}")).unwrap();
    assert_eq!(show.peers, []);
    assert_eq!(show.servers.len(), 3);
    let wide = servers
        .replace("PEER ", "PEERNAME ")
        .replace("aa10c0de", "aa10c0de-0001-4000-8000-000000000001");
    let show = ShowText::parse(&format!("{keys}\n\n{wide}")).unwrap();
    assert_eq!(show.servers[0].peer, "aa10c0de-0001-4000-8000-000000000001");
}

#[test]
fn nothing_is_a_failure() {
    assert_eq!(ShowText::parse(""), Err(ShowTextError::Empty));
    assert_eq!(ShowText::parse("\n \n"), Err(ShowTextError::Empty));
    assert!(ShowText::parse("manatee-adm: no state object exists").is_err());
    // Cut short: any number of whole lines is refused or, from the issues' beginning on, complete but for them.
    let text = example_show("e1");
    let lines: Vec<&str> = text.lines().collect();
    for count in 1..lines.len() - 2 {
        assert!(ShowText::parse(&lines[..count].join("\n")).is_err(), "{count} lines");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(lines in proptest::collection::vec("(ROLE PEER PG|primary x|error: e|freeze:|.{0,20})", 0..20)) {
        let text = lines.join("\n");
        if let Ok(show) = ShowText::parse(&text) {
            prop_assert!(!show.servers.is_empty());
        }
    }
}
