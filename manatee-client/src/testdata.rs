//! The examples that unit tests share.

use serde_json::Value;

use crate::state::ClusterState;

/// Name and document of every example state.
pub(crate) const EXAMPLE_STATES: [(&str, &str); 5] = [
    ("e1", include_str!("../testdata/states/e1.json")),
    ("e2", include_str!("../testdata/states/e2.json")),
    ("e3", include_str!("../testdata/states/e3.json")),
    ("e4", include_str!("../testdata/states/e4.json")),
    ("e5", include_str!("../testdata/states/e5.json")),
];

/// Name and text of everything that `manatee-adm show -v` printed.
pub(crate) const EXAMPLE_SHOWS: [(&str, &str); 8] = [
    ("e1", include_str!("../testdata/show/e1.txt")),
    ("e2", include_str!("../testdata/show/e2.txt")),
    ("e3", include_str!("../testdata/show/e3.txt")),
    ("e4", include_str!("../testdata/show/e4.txt")),
    ("e5", include_str!("../testdata/show/e5.txt")),
    ("e6", include_str!("../testdata/show/e6.txt")),
    ("e7", include_str!("../testdata/show/e7.txt")),
    ("e8", include_str!("../testdata/show/e8.txt")),
];

/// The document of an example state: `e1` is healthy, `e2` frozen, `e3` alone, `e4` long, `e5` after a takeover.
pub(crate) fn example_document(name: &str) -> Value {
    serde_json::from_str(named(&EXAMPLE_STATES, name)).unwrap()
}

/// An example state.
pub(crate) fn example(name: &str) -> ClusterState {
    ClusterState::from_value(example_document(name)).unwrap()
}

/// An example of what `manatee-adm show -v` printed.
pub(crate) fn example_show(name: &str) -> &'static str {
    named(&EXAMPLE_SHOWS, name)
}

fn named(examples: &[(&str, &'static str)], name: &str) -> &'static str {
    examples.iter().find(|(example, _)| *example == name).unwrap().1
}
