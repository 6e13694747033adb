//! `reshard lab` is another program: found, run in place of this one, or asked for.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::sealed::{Run, Sealed};

/// Ends with 7 after it printed its name and its arguments.
const SCRIPT: &str = "#!/bin/sh\necho \"${0##*/}\" \"$@\"\nexit 7\n";

/// Puts a program into a directory of the sealed one.
fn install(sealed: &Sealed, directory: &str) {
    fs::create_dir_all(sealed.path().join(directory)).unwrap();
    let script = sealed.write(&format!("{directory}/reshard-lab"), SCRIPT);
    fs::set_permissions(script, Permissions::from_mode(0o755)).unwrap();
}

/// Runs a copy of `reshard` that has no `reshard-lab` but those that were installed.
fn run(sealed: &Sealed, line: &str) -> Run {
    let here = sealed.path().join("bin");
    fs::create_dir_all(&here).unwrap();
    let copy = here.join("reshard");
    if !copy.exists() {
        fs::copy(Path::new(env!("CARGO_BIN_EXE_reshard")), &copy).unwrap();
    }
    sealed.bash(&format!("PATH=$PWD/elsewhere:/usr/bin:/bin; exec bin/reshard {line}"))
}

#[test]
fn arguments_and_the_exit_status_pass_through() {
    let sealed = Sealed::new();
    install(&sealed, "elsewhere");
    let on_path = run(&sealed, "lab exec zone -- ls --help -o json");
    assert_eq!((on_path.status, on_path.stderr.as_str()), (7, ""));
    assert_eq!(on_path.stdout, "reshard-lab exec zone -- ls --help -o json\n");
    // One beside it comes first.
    fs::remove_file(sealed.path().join("elsewhere/reshard-lab")).unwrap();
    install(&sealed, "bin");
    assert_eq!(run(&sealed, "lab up --help").stdout, "reshard-lab up --help\n");
    assert_eq!(run(&sealed, "lab").stdout, "reshard-lab\n");
}

#[test]
fn without_the_program_its_help_and_its_error_say_how_to_get_it() {
    let sealed = Sealed::new();
    let how = "`cargo build --release --package lab` makes it";
    let refused = run(&sealed, "lab up").refused();
    assert!(refused.contains(how) && refused.lines().count() == 1, "{refused}");
    let help = run(&sealed, "lab --help").quiet().replace('\n', " ");
    assert!(help.contains(how) && help.contains("reshard-lab --help"), "{help}");
}

#[test]
fn other_names_of_reshard_are_no_tools() {
    let sealed = Sealed::new();
    for name in ["svcadm", "psql", "fash"] {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_reshard"), sealed.path().join(name))
            .unwrap();
        let run = sealed.bash(&format!("./{name} --version"));
        assert!(run.quiet().starts_with("reshard "), "{name}");
    }
}
