//! docs/fash.md shows what its commands really print.

use std::fmt::Write;
use std::fs;

use crate::sealed::Sealed;

#[test]
fn every_command_of_the_guide_prints_what_the_guide_says() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fash.md");
    let guide = fs::read_to_string(guide).unwrap();
    let sealed = Sealed::new();
    let mut actual = String::new();
    let mut is_console = false;
    for line in guide.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
        }
        match line.strip_prefix("$ ") {
            Some(command) if is_console => {
                let run = sealed.bash(&format!("exec 2>&1; {command}"));
                write!(actual, "{line}\n{}", run.stdout).unwrap();
            }
            // What a command printed when the guide was written.
            None if is_console && !line.starts_with("```") => {}
            Some(_) | None => writeln!(actual, "{line}").unwrap(),
        }
    }
    // To bring the guide up to date: UPDATE_GUIDE=1 cargo test -p reshard-cli guide
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fash.md"), &actual).unwrap();
    }
    for (number, (actual, expected)) in (1..).zip(actual.lines().zip(guide.lines())) {
        assert_eq!(actual, expected, "docs/fash.md, line {number}");
    }
    assert_eq!(actual.lines().count(), guide.lines().count());
}
