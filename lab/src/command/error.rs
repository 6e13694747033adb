//! Errors of `reshard-lab`.

use std::io;

use command_line::run::CommandError;
use command_line::unknown::Unknown;
use thiserror::Error;

use crate::causes::Chain;
use crate::control::ControlClientError;
use crate::load::LoadError;
use crate::{LabError, ProofError};

pub(super) type Result<T> = std::result::Result<T, Error>;

/// A command that failed.
#[derive(Debug, Error)]
pub(super) enum Error {
    /// Standard output is gone, a file cannot be read and the like.
    #[error("input or output failed")]
    Io(#[from] io::Error),
    /// The lab does not start.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A running lab does not do what it was told.
    #[error(transparent)]
    Control(#[from] ControlClientError),
    /// A load does not run.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Nothing can be proven.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Nothing answers at any control address.
    #[error("no lab is running here; `reshard lab up` starts one")]
    NoLab,
    /// More than one answers.
    #[error("several labs are running here, in the blocks {blocks}: choose one with --block")]
    SeveralLabs {
        /// Their numbers.
        blocks: String,
    },
    /// It does not stop.
    #[error("the lab has not stopped within {seconds} s")]
    StillRunning {
        /// The time for which it was waited for.
        seconds: u64,
    },
    /// A name that no zone has.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The beginning of a name fits several zones.
    #[error("{name} is the beginning of {one} and of {other}: write more of it")]
    SeveralZones {
        /// The word that was typed.
        name: String,
        /// A zone.
        one: String,
        /// Another.
        other: String,
    },
}

impl CommandError for Error {
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn line(&self) -> String {
        Chain(self).to_string().replace(char::is_control, " ")
    }
}
