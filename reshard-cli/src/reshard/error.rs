//! The errors of `reshard`.

use std::fmt;
use std::io;

use command_line::run::CommandError;
use reshard_core::{Chain, Hint};
use thiserror::Error;

use super::remedy::worded;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A command that failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Standard output is gone, a file cannot be read and the like.
    #[error("input or output failed")]
    Io(#[from] io::Error),
    /// The lab is not installed.
    #[error(
        "the lab, a region on loopback to rehearse in, is a program of its own that is neither beside reshard nor on the PATH: \
         `cargo build --release --package lab` makes it, as target/release/reshard-lab"
    )]
    LabNotInstalled,
    /// The lab is there, and does not run.
    #[error("cannot run {program}", program = .program.display())]
    LabNotRun {
        /// The program.
        program: std::path::PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The phases of a mode cannot be carried out.
    #[error(transparent)]
    Sequence(#[from] reshard_core::SequenceError),
    /// A name that nothing has.
    #[error(transparent)]
    Unknown(#[from] command_line::unknown::Unknown),
    /// The text that was typed is the beginning of several shards' names.
    #[error("{written} may be {one} or {other}: write more of it")]
    SeveralShards {
        /// The text that was typed.
        written: String,
        /// A shard.
        one: manatee_client::ShardName,
        /// Another.
        other: manatee_client::ShardName,
    },
    /// A shard and a plan were named that have nothing to do with each other.
    #[error("the plan moves vnodes of {from}, not of {written}: leave out one of the two")]
    OtherShard {
        /// The text that was typed.
        written: String,
        /// The plan's.
        from: manatee_client::ShardName,
    },
    /// The lists of shards do not answer.
    #[error("which shard {written} is cannot be looked up ({why}); write its whole name")]
    ShardUnknown {
        /// The text that was typed.
        written: String,
        /// The cause: a service that does not answer.
        why: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] reshard_core::ConfigurationError),
    /// The region cannot be reached.
    #[error(transparent)]
    Deployment(#[from] reshard_core::DeploymentError),
    /// A plan file cannot be used.
    #[error(transparent)]
    Store(#[from] reshard_core::JournalError),
    /// The region cannot be read.
    #[error(transparent)]
    Inventory(#[from] reshard_core::InventoryError),
    /// Rows cannot be counted.
    #[error(transparent)]
    Rows(#[from] reshard_core::rows::RowsError),
    /// A configuration cannot be found out.
    #[error(transparent)]
    Discover(#[from] reshard_core::DiscoverError),
    /// A URL is none.
    #[error(transparent)]
    Url(#[from] sapi_client::InvalidBaseUrl),
    /// There is a configuration already.
    #[error("there is a file {path} already; remove it, or choose another name")]
    Exists {
        /// The file.
        path: String,
    },
    /// Nobody said where SAPI is.
    #[error(
        "where is SAPI? Give its URL, or run this in Manta's deployment zone, whose configuration {path} names it"
    )]
    NoSapi {
        /// The deployment zone's configuration.
        path: String,
    },
    /// There is no place for downloads.
    #[error("the cache {path} cannot be written; name another directory with --cache", path = .path.display())]
    Cache {
        /// The directory.
        path: std::path::PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is no plan.
    #[error("no plan can be made")]
    Plan(#[from] reshard_core::PlanError),
    /// A budget in which the plan's write block cannot end.
    #[error("nothing was changed")]
    Budget(#[source] reshard_core::PlanError),
    /// A plan cannot be carried out.
    #[error(transparent)]
    Executor(#[from] reshard_core::ExecutorError),
    /// The plans cannot be listed.
    #[error(transparent)]
    Plans(#[from] reshard_core::plans::PlansError),
    /// Something that a plan keeps is not freed.
    #[error(transparent)]
    Release(#[from] reshard_core::plans::ReleaseError),
    /// A list of vnodes is none.
    #[error(transparent)]
    Vnodes(#[from] reshard_core::InvalidVnodeSet),
    /// SAPI does not know Manta.
    #[error(transparent)]
    Manta(#[from] sapi_client::manta::FindError),
    /// SAPI's metadata of Manta are not as they should be.
    #[error(transparent)]
    Metadata(#[from] sapi_client::manta::MetadataError),
    /// SAPI, IMGAPI, VMAPI or CNAPI does not answer as it should.
    #[error(transparent)]
    Api(#[from] sapi_client::Error),
    /// The lock on dumps cannot be read.
    #[error(transparent)]
    DumpLock(#[from] manatee_client::DumpLockError),
    /// A ring cannot be handled.
    #[error(transparent)]
    Ring(#[from] reshard_core::rings::RingError),
    /// The routers cannot be listed.
    #[error(transparent)]
    Routers(#[from] reshard_core::routers::RouterError),
    /// Something that `fash` does too went wrong.
    #[error(transparent)]
    Fash(#[from] crate::fash::error::Error),
    /// Nothing has moved yet, so nobody has rows of others.
    #[error("the plan has not moved anything yet: {phase} is not done")]
    NotMoved {
        /// The phase.
        phase: &'static str,
    },
    /// Man pages cannot be written.
    #[error("cannot write man pages to {directory}", directory = .directory.display())]
    Man {
        /// The directory.
        directory: std::path::PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is no man page of it.
    #[error("there is no command {name}; `reshard help` lists them")]
    NoCommand {
        /// The word.
        name: String,
    },
    /// A question without anybody to answer.
    #[error(
        "nothing was done, for there is no terminal to ask on: {question} With --yes, the answer is yes"
    )]
    NobodyToAsk {
        /// The question.
        question: String,
    },
    /// The answer was no.
    #[error("nothing was done")]
    NotConfirmed,
    /// A time cannot be read.
    #[error(
        "{text:?} is neither a time, such as 2026-01-31T20:00:00Z, nor how long ago, such as 90s, 10m, 2h or 1d"
    )]
    Since {
        /// The text that was written.
        text: String,
    },
    /// A setting cannot be changed so.
    #[error(transparent)]
    Setting(#[from] reshard_core::SettingError),
    /// The plan's record in ZooKeeper cannot be read.
    #[error(transparent)]
    Epoch(#[from] reshard_core::EpochError),
    /// Costs cannot be read.
    #[error("{path} is not what `reshard report --costs` prints")]
    Costs {
        /// The file.
        path: String,
        /// The mistake.
        source: serde_json::Error,
    },
    /// A share cannot be read.
    #[error("{share:?} is not NUMBER=PERCENT, such as 3=25")]
    Share {
        /// The text that was written.
        share: String,
    },
}

impl Error {
    /// Advice that belongs to the message.
    fn advice(&self) -> Option<Hint> {
        if let Self::Configuration(error) = self {
            error.hint()
        } else if let Self::Deployment(error) = self {
            error.hint()
        } else if let Self::Store(error) = self {
            error.hint()
        } else if let Self::Inventory(error) = self {
            error.hint()
        } else if let Self::Plan(error) | Self::Budget(error) = self {
            error.hint()
        } else if let Self::Executor(error) = self {
            error.hint()
        } else if let Self::Release(error) = self {
            error.hint()
        } else {
            None
        }
    }
}

/// An error, and the file of the plan that the command is about, as it is typed: the advice names it.
#[derive(Debug)]
pub(crate) struct CommandFailure {
    error: Box<Error>,
    file: Option<String>,
}

impl CommandFailure {
    pub(super) fn new(error: Error, file: Option<String>) -> Self {
        Self { error: Box::new(error), file }
    }
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for CommandFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<io::Error> for CommandFailure {
    fn from(error: io::Error) -> Self {
        Self::new(error.into(), None)
    }
}

impl CommandError for CommandFailure {
    fn is_closed_pipe(&self) -> bool {
        matches!(&*self.error, Error::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn line(&self) -> String {
        Chain(&*self.error).to_string()
    }

    fn advice(&self) -> Option<String> {
        self.error.advice().map(|hint| worded(&hint, self.file.as_deref()))
    }

    fn hint(&self) -> Option<String> {
        let hint = if let Error::Fash(error) = &*self.error { error.hint() } else { None };
        hint.map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use reshard_core::ExecutorError;

    use super::*;

    #[test]
    fn advice_names_the_file_as_it_was_typed() {
        let plan = "00000000-0000-0000-0000-000000000007".parse().unwrap();
        let failed = |file: Option<&str>| {
            let error = ExecutorError::TooLate { plan, phase: "publish-ring".to_owned() };
            CommandFailure::new(error.into(), file.map(str::to_owned)).advice().unwrap()
        };
        let typed = failed(Some("'my plan'"));
        assert!(typed.contains("`reshard resume 'my plan'`"), "{typed}");
        assert!(failed(None).contains("`reshard resume`"));
    }
}
