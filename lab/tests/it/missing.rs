//! A machine that lacks something: what to install is said, and nothing is begun.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use lab::{Lab, LabError, Programs};

/// A directory with links to all of these that the machine has, wherever they are.
fn links(from: &[PathBuf], names: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        let mut all = from.iter().map(|from| from.join(name));
        symlink(all.find(|path| path.exists()).unwrap(), directory.path().join(name)).unwrap();
    }
    directory
}

async fn refused(programs: Programs, directory: &Path) -> String {
    let program = env!("CARGO_BIN_EXE_reshard-lab");
    let builder = Lab::builder().program(program).programs(programs).directory(directory);
    let error = builder.start().await.err().expect("it does not start");
    assert!(matches!(error, LabError::Missing { .. }), "{error}");
    error.to_string()
}

const COMMANDS: [(&str, &str); 7] = [
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
    ("prlimit", "util-linux"),
    ("mount", "mount"),
    ("chown", "coreutils"),
    ("bash", "bash"),
    ("java", "default-jre-headless"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_with_its_package() {
    let scratch = tempfile::tempdir().unwrap();
    let lab = scratch.path().join("lab");
    for (command, package) in COMMANDS {
        let others: Vec<_> =
            COMMANDS.iter().map(|(name, _)| *name).filter(|name| *name != command).collect();
        let there = links(&Programs::default().commands, &others);
        let commands = vec![there.path().to_owned()];
        let error = refused(Programs { commands, ..Programs::default() }, &lab).await;
        let expected = format!(
            "labs need {command}, which is not in {}: apt-get install {package}",
            there.path().display()
        );
        assert_eq!(error, expected);
    }

    let empty = tempfile::tempdir().unwrap();
    let postgresql = empty.path().to_owned();
    let error = refused(Programs { postgresql, ..Programs::default() }, &lab).await;
    assert!(
        error.contains("PostgreSQL") && error.ends_with("apt-get install postgresql"),
        "{error}"
    );

    let jars = empty.path().to_owned();
    let error = refused(Programs { jars, ..Programs::default() }, &lab).await;
    assert!(error.ends_with("apt-get install libzookeeper-java"), "{error}");
    assert!(!lab.exists(), "nothing was begun");
}
