//! The words, and the exit status, about command lines that are wrong or ask for help.

use crate::sealed::Sealed;

#[test]
fn a_wrong_command_line_has_status_1_and_says_why_on_standard_error() {
    let sealed = Sealed::new();
    for (line, why) in [
        ("", "Usage: fash <COMMAND>"),
        ("bogus", "unrecognized subcommand 'bogus'"),
        ("help bogus", "unknown command: \"bogus\""),
        ("create -Z", "unexpected argument '-Z'"),
        ("create -v", "a value is required"),
        ("create -v 4", "--pnode <LIST>"),
        ("create -v abc -p a", "a whole number of vnodes"),
        ("create -v -5 -p a", "invalid value '-5'"),
        ("create --vnode=2.5 -p a", "invalid value '2.5'"),
        ("create -v 4 -p ,,", "no pnode in the list \",,\""),
        ("create -v 4 -p a -b bogus", "[possible values: memory, leveldb]"),
        ("create -v 4 -p a -b leveldb", "requires a location"),
        ("create -v 4 -p a -a md-5", "\"md-5\""),
        ("create -v 4 -p a extra", "unexpected argument 'extra'"),
        ("get-node -l r key", "--backend <BACKEND>"),
        ("get-node -b leveldb key", "requires a location"),
        ("get-node -b memory -l ring.json a b", "unexpected argument 'b'"),
        ("get-node -b memory --live key", "--live needs the leveldb backend"),
        ("get-vnode-pnode-and-data -l r -v 1 -b leveldb", "unexpected argument '-b'"),
        ("add-data -d ro -b memory", "<--vnode <LIST>|--vnode-file <FILE>>"),
        ("remap-vnode -v -1 -p a -b memory", "\"-1\" is not a vnode number"),
        ("remap-vnode -v 1,0x3 -p a -b memory", "\"0x3\" is not a vnode number"),
        ("remap-vnode -v 1,2,01 -p a -b memory", "vnode 1 is in the list more than once"),
        ("remap-vnode -v , -p a -b memory", "no vnodes in the list"),
        (
            "remap-vnode --vnode-file none -p a -b memory",
            "cannot read the vnodes from none: No such",
        ),
        ("diff - -", "only one of the rings"),
        ("diff a.json none.json", "cannot read a ring from a.json: No such file"),
        ("completions tcsh", "[possible values: bash"),
    ] {
        let stderr = sealed.fash(line).refused();
        assert!(stderr.contains(why), "fash {line}: {stderr}");
    }
}

#[test]
fn an_error_is_one_line_with_its_causes() {
    let sealed = Sealed::new();
    let stderr = sealed.fash("print-hash -b memory -l none.json").refused();
    assert_eq!(
        stderr,
        "fash: cannot read a ring from none.json: No such file or directory (os error 2)\n"
    );
}

#[test]
fn a_usage_error_is_short() {
    let sealed = Sealed::new();
    assert_eq!(
        sealed.fash("remove-pnode -l r").refused(),
        "fash: the following required arguments were not provided: --pnode <PNODE> --backend <BACKEND>\n\
         Usage: fash remove-pnode --pnode <PNODE> --backend <BACKEND> --location <PATH>\n\
         For more information, try '--help'.\n"
    );
    assert_eq!(
        sealed.fash("get-pnodes -b x").refused(),
        "fash: invalid value 'x' for '--backend <BACKEND>' [possible values: memory, leveldb]\n\
         For more information, try '--help'.\n"
    );
    let stderr = sealed.fash("remap").refused();
    assert!(stderr.contains("\nhint: ") && stderr.contains("'remap-vnode'"), "{stderr}");
}

#[test]
fn help_and_version_are_data() {
    let sealed = Sealed::new();
    let help = sealed.fash("help").quiet();
    assert_eq!(help, sealed.fash("?").quiet());
    assert_eq!(help, sealed.fash("--help").quiet());
    assert!(help.contains("Exit status:"), "{help}");
    assert_eq!(sealed.fash("help create").quiet(), sealed.fash("create --help").quiet());
    assert_eq!(sealed.fash("--version").quiet(), format!("fash {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_explains_every_option_and_shows_an_example() {
    let sealed = Sealed::new();
    let help = sealed.fash("-h").quiet();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 21, "{commands:?}");
    for command in commands.into_iter().filter(|&command| command != "help") {
        let help = sealed.fash(&format!("{command} --help")).quiet();
        assert!(help.contains("\nExample"), "fash {command} --help:\n{help}");
        assert!(help.contains(&format!("fash {command}")), "fash {command} --help:\n{help}");
    }
}

#[test]
fn options_are_read_as_node_fash_reads_them() {
    let sealed = Sealed::new();
    let expected = sealed.fash("create -v 4 -p a,b -o").quiet();
    for same in [
        "create -v4 -pa,b -o",
        "create -ov4 --pnode=a,b",
        "create --vnode 0x4 --pnode a,b --output --backend=memory --algorithm SHA-256",
        "create -o -o -v 9 -v 4 -p x -p a,b -b leveldb -b memory",
    ] {
        assert_eq!(sealed.fash(same).quiet(), expected, "fash {same}");
    }
    sealed.write("ring.json", &expected);
    let node = "get-node -b memory -l ring.json -- -key";
    assert_eq!(sealed.fash(node).quiet(), sealed.fash(node).quiet());
    assert!(sealed.fash("get-node yunong -b memory -l ring.json").quiet().starts_with("{ pnode: "));
}

#[test]
fn arguments_that_node_fash_ignores_are_ignored() {
    let sealed = Sealed::new();
    sealed.write("ring.json", &sealed.fash("create -v 4 -p a,b -o").quiet());
    let run = sealed.fash("get-pnodes junk -b memory -l ring.json");
    assert_eq!((run.status, run.stdout.as_str()), (0, "[ 'a', 'b' ]\n"));
    assert_eq!(run.stderr, "fash: notice: the argument \"junk\" is ignored\n");
}

#[test]
fn man_pages_and_completions_cover_every_command() {
    let sealed = Sealed::new();
    assert_eq!(sealed.fash("man pages").quiet(), "");
    for page in ["fash.1", "fash-create.1", "fash-remap-vnode.1", "fash-split.1"] {
        let text = std::fs::read_to_string(sealed.path().join("pages").join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sealed.fash(&format!("completions {shell}")).quiet();
        assert!(script.contains("get-vnode-pnode-and-data"), "{shell}");
    }
    let check = sealed.bash("fash completions bash > script && bash -n script");
    assert_eq!(check.quiet(), "");
}
