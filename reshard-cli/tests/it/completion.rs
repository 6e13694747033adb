//! The words that a shell is offered while a line of `reshard` is typed.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::sealed::{Run, Sealed};

/// The words that bash is offered for the last word of a line.
pub(crate) fn offered(sealed: &Sealed, line: &str) -> Vec<String> {
    let run = asked(sealed, line);
    run.quiet().lines().map(str::to_owned).collect()
}

/// The run in which bash asks about the last word of a line.
fn asked(sealed: &Sealed, line: &str) -> Run {
    let index = line.split(' ').count();
    let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
    let asking = format!(
        "RESHARD_COMPLETE=bash _CLAP_IFS=$'\\n' _CLAP_COMPLETE_INDEX={index} _CLAP_COMPLETE_COMP_TYPE=9 \
         reshard -- reshard {}",
        words.join(" ")
    );
    sealed.bash(&asking)
}

#[test]
fn names_are_offered_and_not_only_options() {
    let sealed = Sealed::new();
    assert!(offered(&sealed, "dump-").contains(&"dump-lock".to_owned()));
    assert!(
        offered(&sealed, "pause split.plan --before block").contains(&"block-writes".to_owned())
    );
    assert!(offered(&sealed, "tune split.plan delete_b").contains(&"delete_batch=".to_owned()));
    sealed.write("split.plan", "SQLite format 3\0");
    sealed.write("other.txt", "nothing");
    assert_eq!(offered(&sealed, "run ").iter().filter(|word| !word.starts_with('-')).count(), 1);
    assert_eq!(offered(&sealed, "run s"), ["split.plan"]);
}

#[test]
fn a_region_that_is_silent_is_neither_waited_for_nor_complained_of() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let apis = ["sapi", "vmapi", "cnapi", "imgapi"].map(|api| format!("{api} = \"http://{at}\"\n"));
    let sealed = Sealed::new();
    let region = "region = \"lab\"\ndns_domain = \"example.net\"\nrouters = []\n";
    sealed.write(
        "reshard.toml",
        &format!("{region}zookeeper = \"{at}\"\n[datacenters.dc]\n{}", apis.concat()),
    );
    let asked_at = Instant::now();
    assert_eq!(offered(&sealed, "doctor 2"), [""; 0]);
    assert!(asked_at.elapsed() < Duration::from_secs(10), "{:?}", asked_at.elapsed());
    assert_eq!(offered(&sealed, "doctor --config none.toml 2"), [""; 0]);
}

#[test]
fn a_shell_that_nobody_knows_hears_nothing() {
    let run = Sealed::new().bash("RESHARD_COMPLETE=tcsh reshard");
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (1, "", ""));
}
