//! `reshard lab`: a region on loopback to rehearse in.

mod check;
mod down;
mod exec;
mod fault;
mod load;
mod psql;
mod running;
mod status;
mod up;
mod zk;

pub(super) use self::running::zone_aliases;

use clap::{Args, Subcommand};

use super::error::Result;
use crate::exit;
use crate::output::Output;

/// A whole region on loopback: real PostgreSQL and ZooKeeper, emulated Triton services
///
/// `up` starts it and stays until ^C or `reshard lab down`; the other commands are for another terminal. Every zone has
/// its own address in 127.77.0.0/16 and the ports of production. It needs Linux, PostgreSQL and ZooKeeper.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard lab up
  reshard lab status")]
pub(super) struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Subcommand, Debug)]
enum LabCommand {
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
}

impl LabArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let done = match self.command {
            LabCommand::Up(args) => args.run(out).await,
            LabCommand::Down(args) => args.run().await,
            LabCommand::Status(args) => args.run(out).await,
            LabCommand::Exec(args) => return args.run(out).await,
            LabCommand::Psql(args) => return args.run().await,
            LabCommand::Zk(args) => return args.run().await,
            LabCommand::Break(args) => args.run(out).await,
            LabCommand::Heal(args) => args.run(out).await,
            LabCommand::Load(args) => args.run(out).await,
            LabCommand::Check(args) => return args.run(out).await,
        };
        done.map(|()| exit::SUCCESS)
    }
}
