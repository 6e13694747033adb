//! The `fash` command: node-fash's twelve subcommands, with the same options and the same standard output, and more.

mod add_data;
mod audit;
mod completions;
mod copy;
mod create;
mod deserialize_ring;
mod diff;
mod edit;
pub(crate) mod error;
mod get_data_vnodes;
mod get_node;
mod get_pnodes;
mod get_vnode_pnode_and_data;
mod get_vnodes;
mod help;
mod ignored;
mod js_number;
mod man;
mod notice;
pub(crate) mod pack;
mod print_hash;
mod remap_vnode;
mod remove_pnode;
mod repair;
mod source;
mod split;
mod stats;
mod unpack;
mod vnode_list;
mod weights;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};
use reshard_core::Chain;

use self::error::{Error, Result};
use crate::exit;
use crate::output::{Output, say};

/// Create, change and inspect Manta's consistent-hash rings
///
/// A ring maps keys to vnodes by hash, and vnodes to pnodes (the addresses of shards). fash keeps rings as node-fash
/// does, in LevelDB directories or as topology JSON, and takes the same commands. Standard output is data only;
/// notices, progress and errors go to standard error.
#[derive(Parser, Debug)]
#[command(name = "fash", version, color = ColorChoice::Never, max_term_width = 100)]
#[command(args_override_self = true, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit status:
  0  done
  1  failed or called wrongly; a failed command has changed nothing
  2  `fash audit` found damage")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(visible_alias = "?")]
    Help(help::HelpArgs),
    Create(create::CreateArgs),
    DeserializeRing(deserialize_ring::DeserializeRingArgs),
    AddData(add_data::AddDataArgs),
    RemapVnode(remap_vnode::RemapVnodeArgs),
    RemovePnode(remove_pnode::RemovePnodeArgs),
    GetPnodes(get_pnodes::GetPnodesArgs),
    GetVnodes(get_vnodes::GetVnodesArgs),
    GetVnodePnodeAndData(get_vnode_pnode_and_data::GetVnodePnodeAndDataArgs),
    GetDataVnodes(get_data_vnodes::GetDataVnodesArgs),
    GetNode(get_node::GetNodeArgs),
    PrintHash(print_hash::PrintHashArgs),
    Diff(diff::DiffArgs),
    Audit(audit::AuditArgs),
    Repair(repair::RepairArgs),
    Stats(stats::StatsArgs),
    Split(split::SplitArgs),
    Copy(copy::CopyArgs),
    Pack(pack::PackArgs),
    Unpack(unpack::UnpackArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs `fash` with these arguments, the first being the command's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut out = Output::stdout();
    let status = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command.run(&mut out),
        Err(error) => explain(&error, &mut out),
    };
    // What was printed before a failure is printed all the same.
    let flushed = out.finish().map_err(Error::from);
    let status = status.and_then(|status| flushed.map(|()| status));
    ExitCode::from(status.unwrap_or_else(|error| report(&error)))
}

impl Command {
    fn run(self, out: &mut Output) -> Result<u8> {
        let done = match self {
            Self::Audit(args) => return args.run(out),
            Self::Help(args) => args.run(out),
            Self::Create(args) => args.run(out),
            Self::DeserializeRing(args) => args.run(),
            Self::AddData(args) => args.run(out),
            Self::RemapVnode(args) => args.run(out),
            Self::RemovePnode(args) => args.run(out),
            Self::GetPnodes(args) => args.run(out),
            Self::GetVnodes(args) => args.run(out),
            Self::GetVnodePnodeAndData(args) => args.run(out),
            Self::GetDataVnodes(args) => args.run(out),
            Self::GetNode(args) => args.run(out),
            Self::PrintHash(args) => args.run(out),
            Self::Diff(args) => args.run(out),
            Self::Repair(args) => args.run(out),
            Self::Stats(args) => args.run(out),
            Self::Split(args) => args.run(out),
            Self::Copy(args) => args.run(),
            Self::Pack(args) => args.run(out),
            Self::Unpack(args) => args.run(out),
            Self::Completions(args) => args.run(out),
            Self::Man(args) => args.run(),
        };
        done.map(|()| exit::SUCCESS)
    }
}

/// Prints what clap has to say: help and version are data, everything else is an error.
fn explain(error: &clap::Error, out: &mut Output) -> Result<u8> {
    let text = error.render().to_string();
    if error.use_stderr() {
        say(text.strip_prefix("error:").map_or_else(|| text.trim_end().to_owned(), condense));
        Ok(exit::FAILURE)
    } else {
        out.write_all(text.as_bytes())?;
        Ok(exit::SUCCESS)
    }
}

/// Brings a message of clap into the form of our own: what is wrong on one line, then perhaps a hint.
fn condense(message: &str) -> String {
    let mut condensed = "fash:".to_owned();
    for line in message.lines().filter(|line| !line.is_empty()) {
        if let Some(tip) = line.trim().strip_prefix("tip: ") {
            condensed.push_str("\nhint: ");
            condensed.push_str(tip);
        } else if line.starts_with("Usage:") || line.starts_with("For more") {
            condensed.push('\n');
            condensed.push_str(line);
        } else {
            // The rest of the sentence, such as the options that are missing, indented by clap.
            condensed.push(' ');
            condensed.push_str(line.trim());
        }
    }
    condensed
}

/// Reports a failure, once; that nobody reads our output any more is none.
fn report(error: &Error) -> u8 {
    if error.is_closed_pipe() {
        return exit::SUCCESS;
    }
    say(format_args!("fash: {}", Chain(error)));
    if let Some(hint) = error.hint() {
        say(format_args!("hint: {hint}"));
    }
    exit::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_argument_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
