//! Hints of the library in the words of this program: the operations that they name are commands, which can be pasted.

use std::fmt::Display;

use reshard_core::{Hint, Operation};

use super::runnable::quoted;

/// The command that does an operation, in backquotes. If the plan's file is known, given as it is typed, commands about the plan
/// name it.
pub(super) fn command(operation: &Operation, file: Option<&str>) -> String {
    let about = |verb: &str| match file {
        Some(file) => format!("{verb} {file}"),
        None => verb.to_owned(),
    };
    let words = match operation {
        Operation::Resume => about("resume"),
        Operation::Abort => about("abort"),
        Operation::Pause => about("pause"),
        Operation::Approve => about("approve"),
        Operation::ShowStatus => about("status"),
        Operation::ShowPlan => about("plan show"),
        Operation::Tune { setting, value } => {
            let value = value.map_or_else(|| number_of(setting), |value| value.to_string());
            format!("tune {} {setting}={value}", file.unwrap_or("PLAN"))
        }
        Operation::MakePlan { source: Some(source) } => format!("plan new {source} FILE"),
        Operation::MakePlan { source: None } => "plan new".to_owned(),
        Operation::MakePlanByCosts => "plan new --costs FILE".to_owned(),
        Operation::MakePlanForStorageShard => "plan new --allow-storage-shard".to_owned(),
        Operation::ListPlans => "plans".to_owned(),
        Operation::ResumeOther { file } => format!("resume {}", quoted(file)),
        Operation::AbortOther { file } => format!("abort {}", quoted(file)),
        Operation::ReleasePlan { plan } => format!("plans release {plan}"),
        Operation::ReleaseLostPlan { plan } => format!("plans release {plan} --file-lost"),
        Operation::ListShards => "shards".to_owned(),
        Operation::CheckShard { shard } => format!("doctor {shard}"),
        Operation::ShowPeers => "peers show SHARD".to_owned(),
        Operation::ListDumps { shard } => format!("dumps {shard}"),
        Operation::CountRows { shard } => format!("rows count {shard}"),
        Operation::AuditRings => "ring audit".to_owned(),
        Operation::MeasureShard => "measure".to_owned(),
        Operation::Configure => "init".to_owned(),
    };
    let line = format!("reshard {words}");
    format!("`{line}`")
}

/// The word in place of a number that the operator has to choose: the unit at the end of the setting's name.
fn number_of(setting: &str) -> String {
    setting.rsplit('_').next().unwrap_or(setting).to_uppercase()
}

/// A hint with its operations as commands.
pub(super) fn worded(hint: &Hint, file: Option<&str>) -> String {
    hint.worded(|operation| command(operation, file))
}

/// A message with the advice that goes with it.
pub(super) fn advised(message: impl Display, hint: Option<&Hint>, file: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{message}; {}", worded(hint, file)),
        None => message.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::iter::successors;
    use std::path::Path;

    use clap::Parser;
    use manatee_client::ShardName;

    use super::*;
    use crate::reshard::Cli;

    fn shard() -> ShardName {
        "2.moray.lab.example.net".parse().unwrap()
    }

    /// The operation after this one: all of them follow each other, so one more has to be put in here.
    fn after(operation: &Operation) -> Option<Operation> {
        Some(match operation {
            Operation::Resume => Operation::Abort,
            Operation::Abort => Operation::Pause,
            Operation::Pause => Operation::Approve,
            Operation::Approve => Operation::ShowStatus,
            Operation::ShowStatus => Operation::ShowPlan,
            Operation::ShowPlan => {
                Operation::Tune { setting: "budget_seconds".to_owned(), value: Some(9) }
            }
            Operation::Tune { setting, value: Some(_) } => {
                Operation::Tune { setting: setting.clone(), value: None }
            }
            Operation::Tune { value: None, .. } => Operation::MakePlan { source: Some(shard()) },
            Operation::MakePlan { source: Some(_) } => Operation::MakePlan { source: None },
            Operation::MakePlan { source: None } => Operation::MakePlanByCosts,
            Operation::MakePlanByCosts => Operation::MakePlanForStorageShard,
            Operation::MakePlanForStorageShard => Operation::ListPlans,
            Operation::ListPlans => {
                let plan = "00000000-0000-0000-0000-000000000007".parse().unwrap();
                Operation::ReleaseLostPlan { plan }
            }
            Operation::ReleaseLostPlan { plan } => Operation::ReleasePlan { plan: *plan },
            Operation::ReleasePlan { .. } => {
                Operation::ResumeOther { file: "/var/tmp/other.plan".to_owned() }
            }
            Operation::ResumeOther { file } => Operation::AbortOther { file: file.clone() },
            Operation::AbortOther { .. } => Operation::ListShards,
            Operation::ListShards => Operation::CheckShard { shard: shard() },
            Operation::CheckShard { .. } => Operation::ShowPeers,
            Operation::ShowPeers => Operation::ListDumps { shard: shard() },
            Operation::ListDumps { .. } => Operation::CountRows { shard: shard() },
            Operation::CountRows { .. } => Operation::AuditRings,
            Operation::AuditRings => Operation::MeasureShard,
            Operation::MeasureShard => Operation::Configure,
            Operation::Configure => return None,
        })
    }

    /// True for a command that is named for what it does, where nobody could say about what.
    fn lacks_arguments(operation: &Operation) -> bool {
        matches!(
            operation,
            Operation::MakePlan { source: None }
                | Operation::MakePlanByCosts
                | Operation::MakePlanForStorageShard
                | Operation::MeasureShard
        )
    }

    /// Tells whether a line is a command, or help about one that there is.
    fn can_be_typed(line: &str) -> bool {
        match Cli::try_parse_from(line.split_whitespace()) {
            Ok(_) => true,
            Err(error) => !error.use_stderr(),
        }
    }

    #[test]
    fn every_operation_is_a_command_that_can_be_typed() {
        for operation in successors(Some(Operation::Resume), after) {
            let shown = command(&operation, Some("a.plan"));
            let typed = shown.strip_prefix('`').and_then(|shown| shown.strip_suffix('`'));
            let help = if lacks_arguments(&operation) { " --help" } else { "" };
            assert!(can_be_typed(&format!("{}{help}", typed.unwrap())), "{shown}");
        }
    }

    #[test]
    fn commands_about_the_plan_name_its_file() {
        let tune = |value| Operation::Tune { setting: "budget_seconds".to_owned(), value };
        for (operation, shown, without_file) in [
            (Operation::Resume, "`reshard resume a.plan`", "`reshard resume`"),
            (Operation::ShowPlan, "`reshard plan show a.plan`", "`reshard plan show`"),
            (
                tune(Some(9)),
                "`reshard tune a.plan budget_seconds=9`",
                "`reshard tune PLAN budget_seconds=9`",
            ),
            (
                tune(None),
                "`reshard tune a.plan budget_seconds=SECONDS`",
                "`reshard tune PLAN budget_seconds=SECONDS`",
            ),
            (
                Operation::CheckShard { shard: shard() },
                "`reshard doctor 2.moray.lab.example.net`",
                "`reshard doctor 2.moray.lab.example.net`",
            ),
        ] {
            assert_eq!(command(&operation, Some("a.plan")), shown);
            assert_eq!(command(&operation, None), without_file);
        }
    }

    #[test]
    fn advice_follows_its_message() {
        let hint = Hint::from(Operation::Configure).and(" writes one");
        assert_eq!(
            advised("there is none", Some(&hint), None),
            "there is none; `reshard init` writes one"
        );
        assert_eq!(advised("there is none", None, None), "there is none");
    }

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

    /// A command of a message as it would be typed, with something in place of what is filled in, and a file where one is missing.
    fn typed(words: &str) -> [String; 2] {
        let parts = words.split(['{', '}']).enumerate();
        let filled = parts.map(|(place, part)| if place % 2 == 1 { "7" } else { part });
        let line = format!("reshard {}", filled.collect::<String>());
        [format!("{line} a.plan"), line]
    }

    #[test]
    fn every_command_that_a_message_of_this_program_shows_can_be_typed() {
        let mut text = String::new();
        messages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        let shown = text.split("`reshard ").skip(1).filter_map(|part| part.split('`').next());
        let shown: BTreeSet<String> =
            shown.map(|words| words.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(shown.len() > 5, "{shown:?}");
        let wrong: Vec<&String> = shown
            .iter()
            .filter(|words| !typed(words).iter().any(|line| can_be_typed(line)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
