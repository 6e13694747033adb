//! Standard output when it is a pipe: complete, and closed early without a complaint.

use crate::sealed::Sealed;

#[test]
fn a_pipe_gets_everything() {
    let sealed = Sealed::new();
    sealed.bash("fash create -v 20000 -p a,b -o > ring.json").quiet();
    // node-fash cuts what it prints to a pipe after 64 KiB.
    let through_a_pipe = sealed.bash("fash print-hash -b memory -l ring.json | cat").quiet();
    assert_eq!(through_a_pipe, std::fs::read_to_string(sealed.path().join("ring.json")).unwrap());
    let vnodes = sealed.bash("fash get-vnodes -b memory -l ring.json a | cat").quiet();
    assert_eq!(vnodes.lines().count(), 10_000);
    assert!(vnodes.ends_with("\n  19998 ]\n"));
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let sealed = Sealed::new();
    sealed.bash("fash create -v 200000 -p a -o > ring.json").quiet();
    for line in [
        "print-hash -b memory -l ring.json",
        "get-vnodes -b memory -l ring.json a",
        "create -v 200000 -p a -o",
        "completions zsh",
    ] {
        let run = sealed.bash(&format!("fash {line} | head -c1; echo ${{PIPESTATUS[0]}}"));
        assert!(run.quiet().ends_with("0\n"), "fash {line}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let sealed = Sealed::new();
    let run = sealed.bash("fash create -v 4 -p a -o > /dev/full");
    assert_eq!(
        run.refused(),
        "fash: cannot write to standard output: No space left on device (os error 28)\n"
    );
}

#[test]
fn data_and_talk_do_not_mix() {
    let sealed = Sealed::new();
    let run = sealed.fash("create -v 4 -p a -a murmur3 -o");
    assert!(run.json().is_object());
    assert!(run.stderr.starts_with("fash: notice: "), "{}", run.stderr);
    assert!(run.stderr.contains("node-fash"), "{}", run.stderr);
}
