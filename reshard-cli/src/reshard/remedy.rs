//! Remedies as they can be pasted: the library does not know in which file the plan is, the command does.

use clap::{Command, CommandFactory};

use super::Cli;

/// A text in which every command about a plan, such as `` `reshard resume` ``, names this plan's file, given as it is typed.
pub(super) fn with_file(text: &str, file: &str) -> String {
    let commands = Cli::command();
    let pieces =
        text.split('`').enumerate().map(|(place, piece)| match piece.strip_prefix("reshard ") {
            // Every second piece is between two of them.
            Some(words) if place % 2 == 1 => {
                format!("reshard {}", filled(words, &commands, file))
            }
            _ => piece.to_owned(),
        });
    pieces.collect::<Vec<_>>().join("`")
}

/// The words of a command, with the plan's file if it is to have one and has none.
fn filled(words: &str, commands: &Command, file: &str) -> String {
    let mut words: Vec<&str> = words.split_whitespace().collect();
    let (mut command, mut verbs) = (commands, 0);
    while let Some(found) = words.get(verbs).and_then(|word| command.find_subcommand(word)) {
        (command, verbs) = (found, verbs + 1);
    }
    let takes_plan = command.get_positionals().next().is_some_and(|first| first.get_id() == "plan");
    if takes_plan {
        match words.get(verbs) {
            Some(&"PLAN") => words.splice(verbs..=verbs, [file]).for_each(drop),
            Some(word) if !word.starts_with('-') => {}
            _ => words.insert(verbs, file),
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use clap::Parser;

    use super::*;

    /// Commands that are named for what they do, where nobody could say about what.
    const NAMED: [&str; 2] = ["plan new", "measure"];

    /// The messages in the sources below a directory: their lines that are no comments.
    fn messages(directory: &Path, into: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                messages(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                lines.for_each(|line| into.extend([line.trim_end_matches('\\'), " "]));
            }
        }
    }

    /// A command as it would be shown, with something in place of what is filled in when it is shown.
    fn example(words: &str, filled_in: &str) -> String {
        let mut shown = String::new();
        for (place, part) in words.split(['{', '}']).enumerate() {
            shown.push_str(if place % 2 == 1 { filled_in } else { part });
        }
        with_file(&format!("`reshard {shown}`"), "a.plan").replace('`', "")
    }

    #[test]
    fn every_command_that_a_message_shows_can_be_typed() {
        let mut text = String::new();
        for crate_name in ["reshard-core", "manatee-client", "sapi-client", "reshard-cli"] {
            let source =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(crate_name).join("src");
            messages(&source, &mut text);
        }
        let shown = text.split("`reshard ").skip(1).filter_map(|part| part.split('`').next());
        let shown: BTreeSet<String> =
            shown.map(|words| words.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(shown.len() > 10, "{shown:?}");
        let wrong: Vec<String> = shown
            .iter()
            .filter(|words| !NAMED.contains(&words.as_str()))
            .filter(|words| {
                let parses = |filled_in: &str| {
                    let line = example(words, filled_in);
                    match Cli::try_parse_from(line.split_whitespace()) {
                        Ok(_) => true,
                        Err(error) => !error.use_stderr(),
                    }
                };
                !parses("7") && !parses("00000000-0000-0000-0000-000000000007")
            })
            .cloned()
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn commands_about_the_plan_name_its_file() {
        for (said, shown) in [
            ("`reshard resume` goes on", "`reshard resume a.plan` goes on"),
            ("`reshard tune PLAN budget_seconds=9`", "`reshard tune a.plan budget_seconds=9`"),
            ("`reshard pause --before drain`", "`reshard pause a.plan --before drain`"),
            ("`reshard plan show`", "`reshard plan show a.plan`"),
            ("`reshard doctor 2.moray.a.b`", "`reshard doctor 2.moray.a.b`"),
            ("`reshard resume other.plan`", "`reshard resume other.plan`"),
            ("reshard resume, `svcs -x`", "reshard resume, `svcs -x`"),
        ] {
            assert_eq!(with_file(said, "a.plan"), shown);
        }
    }
}
