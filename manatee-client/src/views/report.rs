//! The texts around the tables.

use std::fmt::Write as _;

use crate::views::cluster::ClusterView;
use crate::views::issue::Issue;
use crate::views::table::Columns;

/// The findings of `verify`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Every error and warning.
    pub issues: Vec<Issue>,
}

impl Verification {
    /// Tells whether there is nothing to complain about: `verify` exits with 0 then, and with 1 for a mere warning.
    pub fn passed(&self) -> bool {
        self.issues.is_empty()
    }

    /// The output of `verify`; `verbose` (`-v`) says something even if all is well.
    pub fn text(&self, verbose: bool) -> String {
        if self.passed() && verbose {
            return "all checks passed\n".to_owned();
        }
        lines(&self.issues)
    }
}

impl ClusterView {
    /// The findings of `verify`.
    pub fn verify(&self) -> Verification {
        Verification { issues: self.issues() }
    }

    /// The output of `show`, for ZooKeeper servers given as `zookeeper`; `verbose` (`-v`) adds the table of peers.
    pub fn show(&self, zookeeper: &str, columns: &Columns, verbose: bool) -> String {
        let state = &self.state;
        let mut text = String::new();
        let mut key = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            writeln!(text, "{:<12} {value}", format!("{name}:")).unwrap_or_default();
        };
        key("zookeeper", zookeeper);
        key("cluster", self.shard.as_str());
        key("generation", &format!("{} ({})", state.generation, state.init_wal));
        let singleton = state.one_node_write_mode;
        key("mode", if singleton { "singleton (one-node-write)" } else { "normal" });
        match &state.freeze {
            None => key("freeze", "not frozen"),
            Some(freeze) => {
                let (date, reason) = freeze.shown();
                key("freeze", &format!("frozen since {date}"));
                key("freeze info", &reason);
            }
        }
        text.push('\n');
        if verbose {
            text.push_str(&self.table(&Columns::peers(), true, None));
            text.push('\n');
        }
        text.push_str(&self.table(columns, true, None));
        text.push_str(&issue_block(&self.issues()));
        text
    }

    /// The output of `pg-status` beside its table, to stderr: a blank line and the issues, or nothing.
    pub fn pg_status_issues(&self) -> String {
        issue_block(&self.issues())
    }
}

fn issue_block(issues: &[Issue]) -> String {
    if issues.is_empty() { String::new() } else { format!("\n{}", lines(issues)) }
}

fn lines(issues: &[Issue]) -> String {
    let mut text = String::new();
    for issue in issues {
        // Writing to a String cannot fail.
        writeln!(text, "{issue}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::Downstream;
    use crate::state::Role;
    use crate::testdata::example_show;
    use crate::views::cluster::PostgresView;
    use crate::views::table::UnsupportedColumn;

    /// A view in which everybody answers and streams, with these ages of what was replayed.
    fn view(example: &str, position: &str, ages: &[Option<f64>]) -> ClusterView {
        let state = crate::testdata::example(example);
        let shard = "9.moray.lab.example.net".parse().unwrap();
        let mut view = ClusterView::without_answers(shard, state.clone());
        for (index, peer) in view.peers.iter_mut().enumerate() {
            if peer.role == Role::Deposed {
                continue;
            }
            let downstreams = state.downstream_of(&peer.peer.id).map(|next| Downstream {
                application_name: next.pg_url.clone(),
                client_addr: Some(next.ip.clone()),
                state: Some("streaming".into()),
                sync_state: Some(if peer.role == Role::Primary { "sync" } else { "async" }.into()),
                sent: Some(position.parse().unwrap()),
                write: Some(position.parse().unwrap()),
                flush: Some(position.parse().unwrap()),
                replay: Some(position.parse().unwrap()),
            });
            let downstreams = downstreams.into_iter().collect();
            peer.postgres = PostgresView::Answered { downstreams, replay_age: ages[index] };
        }
        view
    }

    fn row(view: &mut ClusterView, peer: usize) -> &mut Vec<Downstream> {
        let PostgresView::Answered { downstreams, .. } = &mut view.peers[peer].postgres else {
            panic!("peer {peer} has not answered");
        };
        downstreams
    }

    fn fail(view: &mut ClusterView, peer: usize) {
        view.peers[peer].postgres = PostgresView::Failed { cause: "ECONNREFUSED".into() };
    }

    fn views() -> Vec<(&'static str, ClusterView)> {
        let at = "2C/5A9BB0E0";
        let healthy = [None, Some(3.0), Some(3.9)];
        let zero = [None, Some(0.0), Some(0.2)];
        let mut e6 = view("e1", at, &[None, None, Some(842.0)]);
        row(&mut e6, 0).clear();
        fail(&mut e6, 1);
        let mut e7 = view("e1", at, &zero);
        let wrong = &mut row(&mut e7, 0)[0];
        wrong.application_name = "tcp://postgres@10.99.4.13:5432/postgres".into();
        wrong.client_addr = Some("10.99.4.13".into());
        wrong.state = Some("catchup".into());
        wrong.sync_state = Some("potential".into());
        let mut e8 = view("e1", at, &zero);
        fail(&mut e8, 0);
        let e4 = [None, Some(1.0), Some(1.0), Some(2.0), Some(64.0), Some(7389.0)];
        vec![
            ("e1", view("e1", at, &healthy)),
            ("e2", view("e2", at, &healthy)),
            ("e3", view("e3", at, &[None])),
            ("e4", view("e4", "61/F0C4A9D8", &e4)),
            ("e5", view("e5", "2C/6100A1B8", &[None, Some(12.0), None])),
            ("e6", e6),
            ("e7", e7),
            ("e8", e8),
        ]
    }

    #[test]
    fn the_texts_are_those_of_manatee_adm() {
        for (name, view) in views() {
            let expected = example_show(name);
            let text = view.show("10.99.4.2:2181", &Columns::pg_status(), true);
            let trimmed: Vec<_> = text.lines().map(str::trim_end).collect();
            assert_eq!(trimmed, expected.lines().collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn fields_are_padded_and_never_cut() {
        let (_, view) = views().swap_remove(3);
        let table = view.table(&Columns::pg_status(), true, None);
        assert!(table.starts_with(
            "ROLE     PEER     PG   REPL  SENT          FLUSH         REPLAY        LAG   \n"
        ));
        assert!(table.ends_with("123m09s\n"));
        let asyncs =
            view.table(&"role,zoneabbr,pg-write".parse().unwrap(), false, Some(Role::Async));
        assert_eq!(asyncs.lines().count(), 4);
        assert!(asyncs.starts_with("async    ac30c0de 61/F0C4A9D8  \n"));
    }

    #[test]
    fn columns_are_named_as_for_manatee_adm() {
        let unknown = "role,pg-lsn".parse::<Columns>().unwrap_err();
        assert_eq!(unknown.to_string(), "unsupported column: \"pg-lsn\"");
        assert_eq!(",".parse::<Columns>(), Err(UnsupportedColumn::None));
        assert_eq!(Columns::for_peers("peername,ip").unwrap().0.len(), 2);
        assert!(Columns::for_peers("role,pg-lag").is_err());
        assert_eq!(Columns::pg_status_wide().0[1].heading(), "PEERNAME");
    }

    #[test]
    fn verify_fails_on_a_warning() {
        let mut all = views();
        assert!(all[0].1.verify().passed());
        assert_eq!(all[0].1.verify().text(true), "all checks passed\n");
        assert_eq!(all[0].1.verify().text(false), "");
        assert_eq!(all[0].1.pg_status_issues(), "");
        let (_, deposed) = all.swap_remove(4);
        assert!(!deposed.verify().passed());
        assert!(deposed.pg_status_issues().starts_with("\nwarning: cluster has a deposed peer\n"));
    }

    #[test]
    fn a_second_connection_does_not_confuse_the_issues() {
        let (_, mut view) = views().swap_remove(0);
        let mut dump = row(&mut view, 0)[0].clone();
        dump.application_name = "pg_basebackup".into();
        dump.client_addr = Some("10.99.4.99".into());
        row(&mut view, 0).insert(0, dump);
        assert_eq!(view.issues(), []);
        // The very same clone with the standby's name, left over from a dump, is behind the one that streams.
        let mut clone = row(&mut view, 1)[0].clone();
        clone.state = Some("catchup".into());
        row(&mut view, 1).push(clone);
        assert_eq!(view.issues(), []);
    }

    #[test]
    fn the_rest_of_the_rules() {
        let message =
            |view: &ClusterView| view.issues().iter().map(ToString::to_string).collect::<Vec<_>>();
        let (_, mut view) = views().swap_remove(0);
        row(&mut view, 0)[0].sync_state = Some("async".into());
        row(&mut view, 1).clear();
        let expected = [
            "error: peer \"aa10c0de\": expected downstream replication to be \"sync\", but found \"async\"",
            "warning: peer \"ab20c0de\": downstream replication peer not connected",
        ];
        assert_eq!(message(&view), expected);
        view.state.one_node_write_mode = true;
        assert_eq!(message(&view), ["warning: found 3 peers in singleton mode"]);
        view.peers[0].postgres = PostgresView::Failed { cause: "postgres: one\ntwo".into() };
        assert!(message(&view)[0].ends_with("peer \"aa10c0de\": postgres: one..."));
    }
}
