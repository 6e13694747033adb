//! The command `reshard-lab`: a region on loopback to rehearse in.

mod check;
mod complete;
mod down;
mod error;
mod exec;
mod exit;
mod fault;
mod load;
mod psql;
mod running;
mod status;
mod up;
mod zk;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use command_line::output::Output;
use command_line::run::run;

use self::error::Result;

/// A whole region on loopback: real PostgreSQL and ZooKeeper, emulated Triton services
///
/// `up` starts it and stays until ^C or `reshard-lab down`; the other commands are for another terminal. Every zone has
/// its own address in 127.77.0.0/16 and the ports of production. It needs Linux, PostgreSQL and ZooKeeper. `reshard lab`
/// runs this program.
#[derive(Parser, Debug)]
#[command(name = "reshard-lab", version, color = ColorChoice::Never, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  reshard-lab up
  reshard-lab status

Exit status:
  0  done
  1  failed or called wrongly
  2  `check` found a violation
  `exec`, `psql` and `zk` end with the status of what they ran")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Up(up::UpArgs),
    Down(down::DownArgs),
    Status(status::StatusArgs),
    Exec(exec::ExecArgs),
    Psql(psql::PsqlArgs),
    Zk(zk::ZkArgs),
    Break(fault::BreakArgs),
    Heal(fault::HealArgs),
    Load(load::LoadArgs),
    Check(check::CheckArgs),
    /// Print a script that completes what is typed of reshard-lab in a shell
    #[command(after_help = "Example:
  reshard-lab completions bash >> ~/.bash_completion")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Runs `reshard-lab` with these arguments, the first being the command's name; or the process of a lab that they name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // The services of labs, and the tools of their zones, are this program too.
    if crate::service::is_invocation(&args) {
        return crate::service::main(args);
    }
    if let Some(code) = complete::COMPLETION.answer(Cli::command, &args) {
        return code;
    }
    run(Cli::command(), &args, |cli: Cli, out| cli.command.run(out))
}

impl Command {
    fn run(self, out: &mut Output) -> Result<u8> {
        tokio::runtime::Runtime::new()?.block_on(async {
            let done = match self {
                Self::Up(args) => args.run(out).await,
                Self::Down(args) => args.run().await,
                Self::Status(args) => args.run(out).await,
                Self::Exec(args) => return args.run(out).await,
                Self::Psql(args) => return args.run().await,
                Self::Zk(args) => return args.run().await,
                Self::Break(args) => args.run(out).await,
                Self::Heal(args) => args.run(out).await,
                Self::Load(args) => args.run(out).await,
                Self::Check(args) => return args.run(out).await,
                Self::Completions { shell } => Ok(complete::COMPLETION.script(shell, out)?),
            };
            done.map(|()| exit::SUCCESS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages of a command and all below it, each with the words that lead to it.
    fn pages(command: &clap::Command, path: &[String], into: &mut Vec<(String, String)>) {
        let path: Vec<String> = [path, &[command.get_name().to_owned()]].concat();
        into.push((path.join(" "), command.clone().render_long_help().to_string()));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            pages(below, &path, into);
        }
    }

    fn examples(page: &str) -> Vec<&str> {
        let after = page.lines().skip_while(|line| !line.starts_with("Example"));
        after.skip(1).take_while(|line| line.starts_with("  ")).map(str::trim).collect()
    }

    #[test]
    fn every_page_shows_an_example_of_itself_that_is_a_command_line() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        command.build();
        let mut all = Vec::new();
        pages(&command, &[], &mut all);
        assert!(all.len() > 20, "{}", all.len());
        for (path, page) in all {
            let examples = examples(&page);
            assert!(examples.iter().any(|line| line.starts_with(&path)), "{path} --help:\n{page}");
            for example in examples {
                // On 80 columns, behind two blanks: one that is broken cannot be pasted.
                assert!(example.chars().count() <= 78, "{path} --help: {example}");
                // What the shell does with the output is not ours.
                let own = example.split('>').next().unwrap();
                let mut words: Vec<String> = Vec::new();
                for (at, part) in own.split('\'').enumerate() {
                    match at % 2 {
                        0 => words.extend(part.split_whitespace().map(str::to_owned)),
                        _ => words.push(part.to_owned()),
                    }
                }
                let parsed = Cli::command().try_get_matches_from(words);
                assert!(parsed.is_ok(), "{path} --help: {example}: {}", parsed.unwrap_err());
            }
        }
    }
}
