//! The list of known differences.

use std::fs;
use std::path::Path;

/// The differences of one API's exchanges: rows `| API/CASE | what differs | reason |` of the list.
pub(super) fn listed(api: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden-http/DIFFERENCES.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
        let [case, what, reason] = cells[..] else { panic!("{row}: not three cells") };
        assert!(reason.len() > 10, "{case}: without a reason");
        (case.trim_end_matches('`').to_owned(), what.to_owned())
    })
    .filter_map(|(case, what)| Some((case.strip_prefix(&format!("{api}/"))?.to_owned(), what)))
    .collect()
}
