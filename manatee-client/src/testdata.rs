//! The examples that unit tests share.

/// Name and document of every example, the healthy one first.
pub(crate) fn example_states() -> Vec<(&'static str, String)> {
    let states = [
        ("e1", include_str!("../testdata/states/e1.json")),
        ("e2", include_str!("../testdata/states/e2.json")),
        ("e3", include_str!("../testdata/states/e3.json")),
        ("e4", include_str!("../testdata/states/e4.json")),
        ("e5", include_str!("../testdata/states/e5.json")),
    ];
    states.map(|(name, text)| (name, text.to_owned())).to_vec()
}

/// Name and text of everything that `manatee-adm show -v` printed.
pub(crate) fn example_shows() -> Vec<(&'static str, &'static str)> {
    vec![
        ("e1", include_str!("../testdata/show/e1.txt")),
        ("e2", include_str!("../testdata/show/e2.txt")),
        ("e3", include_str!("../testdata/show/e3.txt")),
        ("e4", include_str!("../testdata/show/e4.txt")),
        ("e5", include_str!("../testdata/show/e5.txt")),
        ("e6", include_str!("../testdata/show/e6.txt")),
        ("e7", include_str!("../testdata/show/e7.txt")),
        ("e8", include_str!("../testdata/show/e8.txt")),
    ]
}
