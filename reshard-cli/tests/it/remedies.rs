//! Whatever the libraries tell operators to run, there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// All texts below a directory.
fn texts(directory: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, into);
        } else {
            into.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// The verbs of every `reshard …` in a text, wherever its lines are broken.
fn verbs(text: &str) -> BTreeSet<Vec<String>> {
    let joined = text.replace('\\', " ");
    let mut parts = joined.split("`reshard ");
    parts.next();
    let is_verb = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    parts
        .filter_map(|part| part.split('`').next())
        .map(|command| command.split_whitespace().take_while(is_verb).take(2).map(str::to_owned))
        .map(|verbs| verbs.filter(|verb| !verb.starts_with('-')).collect())
        .collect()
}

#[test]
fn every_command_that_a_message_names_exists() {
    let mut found = Vec::new();
    for crate_name in ["reshard-core", "manatee-client", "sapi-client"] {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(crate_name).join("src");
        texts(&sources, &mut found);
    }
    let named: BTreeSet<Vec<String>> = found.iter().flat_map(|text| verbs(text)).collect();
    assert!(named.len() > 5, "{named:?}");
    for verbs in named {
        let output =
            Command::new(env!("CARGO_BIN_EXE_reshard")).args(&verbs).arg("--help").output();
        let output = output.unwrap();
        assert!(output.status.success(), "reshard {}: {output:?}", verbs.join(" "));
    }
}

#[test]
fn commands_are_found_in_texts() {
    let text = "see (`reshard \\\n   doctor`), or `reshard tune PLAN budget_seconds=9`, `reshard plan new --costs`";
    let expected = [vec!["doctor"], vec!["plan", "new"], vec!["tune"]];
    assert_eq!(
        verbs(text),
        expected.map(|verbs| verbs.into_iter().map(str::to_owned).collect()).into()
    );
}
