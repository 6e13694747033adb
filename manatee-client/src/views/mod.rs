//! The output of manatee-adm's `show`, `peers`, `pg-status`, `verify` and `history`, computed from ZooKeeper and PostgreSQL.

mod cluster;
mod history;
mod issue;
mod lag;
mod report;
mod table;

pub use cluster::{ClusterView, Link, PeerView, PostgresView};
pub use history::{history_json, history_summaries, history_table};
pub use issue::{Issue, IssueLevel};
pub use lag::{BadLag, Lag};
pub use report::Verification;
pub use table::{Column, Columns, UnsupportedColumn};
