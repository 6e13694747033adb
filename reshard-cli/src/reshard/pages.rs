//! Help pages: what they say beyond the arguments. Every page shows an example.

use clap::{Command, CommandFactory, Subcommand};
use reshard_core::Mode;

use super::Cli;
use super::by_hand::{
    CanaryVerb, CheckVerb, DumpLockStep, PeersStep, RingStep, RowsStep, ShardStep, Verb,
};

macro_rules! exit_status {
    ($examples:literal) => {
        concat!(
            $examples,
            "

Exit status:
  0  the plan is done
  1  it could not be begun, or the command line is wrong
  3  it holds: it needs the operator
  4  it was paused
  5  it was rolled back, as somebody asked from elsewhere"
        )
    };
}

/// Below the help of `reshard run`.
pub(super) const RUN: &str = exit_status!(
    "Examples:
  reshard run split.plan
  reshard run split.plan --yes --hold-at ready
  reshard run split.plan --needs-approval
  reshard run split.plan --window 'Mon-Fri 01:00-04:00 America/New_York'"
);

/// Below the help of `reshard resume`.
pub(super) const RESUME: &str = exit_status!(
    "Examples:
  reshard resume split.plan --dry-run
  reshard resume split.plan"
);

/// Examples of the groups of verbs.
const GROUPS: [(&str, &str); 7] = [
    ("canary", "reshard canary plant split.plan"),
    ("peers", "reshard peers show 2.moray.coal.joyent.us"),
    ("shard", "reshard shard show 2.moray.coal.joyent.us"),
    ("dump-lock", "reshard dump-lock show"),
    ("ring", "reshard ring audit"),
    ("rows", "reshard rows verify split.plan"),
    ("check", "reshard check preflight split.plan"),
];

/// The whole command line. What a verb reads, changes, and how it is rolled back is what its phase says.
pub(super) fn command() -> Command {
    let mut command = Cli::command();
    for (group, example) in GROUPS {
        command = command
            .mut_subcommand(group, |group| group.after_help(format!("Example:\n  {example}")));
    }
    let command = by_hand::<CanaryVerb>(command, "canary");
    let command = by_hand::<PeersStep>(command, "peers");
    let command = by_hand::<ShardStep>(command, "shard");
    let command = by_hand::<DumpLockStep>(command, "dump-lock");
    let command = by_hand::<RingStep>(command, "ring");
    let command = by_hand::<RowsStep>(command, "rows");
    by_hand::<CheckVerb>(command, "check")
}

fn by_hand<Verbs: Verb + Subcommand>(command: Command, group: &str) -> Command {
    let verbs = Verbs::augment_subcommands(Command::new("verbs"));
    let names: Vec<String> =
        verbs.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let Ok(phases) = Mode::Rfd103.sequence() else { return command };
    command.mut_subcommand(group, |mut of_group| {
        for (verb, name) in names.iter().zip(Verbs::PHASES) {
            let Some(phase) = phases.get(name) else { continue };
            let about = phase.about();
            let help = format!(
                "Phase:  {name}\nReads:  {}\nWrites: {}\nUndo:   {}\n\nExamples:\n  reshard {group} {verb} split.plan \
                 --dry-run\n  reshard {group} {verb} split.plan",
                about.reads, about.writes, about.undo
            );
            of_group = of_group.mut_subcommand(verb, |verb| verb.after_help(help));
        }
        of_group
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages of a command and all below it, each with the words that lead to it.
    fn pages(command: &Command, path: &[String], into: &mut Vec<(String, String)>) {
        let path: Vec<String> = [path, &[command.get_name().to_owned()]].concat();
        into.push((path.join(" "), command.clone().render_long_help().to_string()));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            pages(below, &path, into);
        }
    }

    fn all_pages() -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut command = command();
        command.build();
        pages(&command, &[], &mut all);
        assert!(all.len() > 50, "{}", all.len());
        all
    }

    fn examples(page: &str) -> Vec<&str> {
        let after = page.lines().skip_while(|line| !line.starts_with("Example"));
        after.skip(1).take_while(|line| line.starts_with("  ")).map(str::trim).collect()
    }

    #[test]
    fn the_argument_tree_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_page_shows_an_example_of_itself() {
        for (path, page) in all_pages() {
            let examples = examples(&page);
            assert!(examples.iter().any(|line| line.starts_with(&path)), "{path} --help:\n{page}");
        }
    }

    #[test]
    fn every_example_is_a_command_line() {
        for (path, page) in all_pages() {
            for example in examples(&page) {
                // On 80 columns, behind two blanks: one that is broken cannot be pasted.
                assert!(example.chars().count() <= 78, "{path} --help: {example}");
                // What the shell does with the output is not ours.
                let own = example.split([';', '|', '>', '&']).next().unwrap();
                let mut words: Vec<String> = Vec::new();
                for (at, part) in own.split('\'').enumerate() {
                    match at % 2 {
                        0 => words.extend(part.split_whitespace().map(str::to_owned)),
                        _ => words.push(part.to_owned()),
                    }
                }
                let parsed = command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{path} --help: {example}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn pages_of_steps_by_hand_say_what_they_read_and_change_and_how_it_is_rolled_back() {
        let phases = Mode::Rfd103.sequence().unwrap();
        let all = all_pages();
        let page =
            |path: &str| all.iter().find(|page| page.0 == path).unwrap().1.replace('\n', " ");
        for (path, name) in [
            ("reshard ring block", "block-writes"),
            ("reshard peers catch-up", "catch-up"),
            ("reshard rows delete", "delete-ghosts"),
            ("reshard canary check", "verify-routing"),
        ] {
            let about = phases.get(name).unwrap().about();
            let page = page(path);
            for said in [about.reads, about.writes, about.undo] {
                let words: Vec<&str> = said.split_whitespace().collect();
                let found: Vec<&str> = page.split_whitespace().collect();
                assert!(found.windows(words.len()).any(|part| part == words), "{path}: {said}");
            }
        }
        let steps = all.iter().filter(|(_, page)| page.contains("\nUndo:")).count();
        assert!(steps >= phases.iter().len() - 3, "{steps}");
    }
}
