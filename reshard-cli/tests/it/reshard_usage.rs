//! The answers of `reshard` to command lines that are wrong or ask for help, its completions and man pages.

use serde_json::json;

use crate::sealed::Sealed;

#[test]
fn a_wrong_command_line_has_status_1_and_says_why_on_standard_error() {
    let sealed = Sealed::new();
    for (line, why) in [
        ("", "Usage: reshard <COMMAND>"),
        ("bogus", "unrecognized subcommand 'bogus'"),
        ("peers show", "<SHARD>"),
        ("shard show not-a-shard/", "invalid value"),
        ("rows verify", "<PLAN>"),
        ("dumps 1.moray.a.b --since yesterday", "\"yesterday\" is neither a time"),
        ("ring fetch", "<DIRECTORY>"),
        ("ring fetch ring --image x", "invalid value 'x'"),
        ("ring remap a b c --read-only --handover", "cannot be used with"),
        ("ring pack a b --no-stamp --image f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d", "cannot be used"),
        ("ring upload", "<FILE>"),
        ("ring audit -o yaml", "[possible values: table, json]"),
        ("man plan --directory pages", "cannot be used with"),
        ("man plan bogus", "there is no command bogus"),
        ("completions tcsh", "[possible values: bash"),
        ("ring pack none none.tgz", "none"),
        ("ring upload none.tgz", "none.tgz"),
        ("dump-lock show", "reshard.toml"),
        ("rows verify none.plan", "there is no plan file none.plan"),
    ] {
        let stderr = sealed.reshard(line).refused();
        assert!(stderr.contains(why), "reshard {line}: {stderr}");
    }
}

#[test]
fn man_pages_and_completions_cover_every_command() {
    let sealed = Sealed::new();
    assert_eq!(sealed.reshard("man --directory pages").quiet(), "");
    for page in ["reshard.1", "reshard-plan-new.1", "reshard-ring-audit.1", "reshard-dumps.1"] {
        let text = std::fs::read_to_string(sealed.path().join("pages").join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
    let page = sealed.reshard("man rows verify").quiet();
    assert!(page.contains(".TH reshard-rows-verify") && page.contains("exit status 2"), "{page}");
    assert!(sealed.reshard("man").quiet().contains(".TH reshard "));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sealed.reshard(&format!("completions {shell}")).quiet();
        assert!(script.contains("RESHARD_COMPLETE"), "{shell}");
    }
    assert_eq!(sealed.bash("reshard completions bash > script && bash -n script").quiet(), "");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let run = Sealed::new().bash("set -o pipefail; reshard completions zsh | head -n 1");
    assert_eq!(run.quiet().lines().count(), 1);
}

#[test]
fn programs_read_of_a_failure_what_people_do() {
    let sealed = Sealed::new();
    let missing = sealed.reshard("status none.plan -o json").failure();
    assert_eq!(missing["error"], "there is no plan file none.plan");
    assert_eq!(missing["causes"], json!([]));
    assert_eq!(missing["hint"], "`reshard plan new` writes one");
    sealed.write("bad.toml", "sapi = 1");
    let bad = sealed.reshard("dump-lock show -c bad.toml -o json").failure();
    assert!(bad["error"].as_str().unwrap().contains("bad.toml"), "{bad}");
    assert!(!bad["causes"].as_array().unwrap().is_empty(), "{bad}");
    for line in ["peers show -o json", "peers show --output=json", "peers show -ojson"] {
        let wrong = sealed.reshard(line).failure();
        assert!(wrong["error"].as_str().unwrap().contains("required arguments"), "{line}: {wrong}");
        assert!(wrong["hint"].as_str().unwrap().contains("Usage: reshard peers show"), "{wrong}");
    }
    // People get words only, and nothing that programs would take for data.
    let said = sealed.reshard("status none.plan").refused();
    assert!(said.contains("no plan file none.plan; `reshard plan new` writes one"), "{said}");
}
