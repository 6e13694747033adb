//! Failures of a lab's start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::layout::LayoutError;

/// A cause of another module, which nobody tells apart.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure to start a lab, or to look into a running one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LabError {
    /// The options are out of range.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A program that labs need is not installed.
    #[error(
        "labs need {program}, which is not in {}: apt-get install {package}",
        list(directories)
    )]
    Missing {
        /// The program, or the file.
        program: String,
        /// The directories in which it was looked for.
        directories: Vec<PathBuf>,
        /// The package of Debian that has it.
        package: &'static str,
    },
    /// Another process runs the lab that is in the directory.
    #[error("the lab in {} is running already", .0.display())]
    Running(PathBuf),
    /// The directory has a lab that was made with other options.
    #[error(
        "the lab in {} was made with other options: leave the options out, or choose another directory", .0.display()
    )]
    OtherOptions(PathBuf),
    /// The first start of the lab in the directory was broken off.
    #[error(
        "the lab in {} was never finished: its first start was broken off. Remove the directory, or choose another",
        .0.display()
    )]
    HalfMade(PathBuf),
    /// The user of the lab's services does not get to its directory.
    #[error(
        "the lab's services run as the user {user}, who does not get to {} and cannot enter {}: choose another directory, or \
         `chmod o+x {}`", directory.display(), barrier.display(), barrier.display()
    )]
    Unreachable {
        /// The lab's directory.
        directory: PathBuf,
        /// The directory that keeps the user out.
        barrier: PathBuf,
        /// The user.
        user: String,
    },
    /// A file or directory of the lab cannot be made, read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// The action that was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The layout in the directory is none.
    #[error("{} is not the layout of a lab", path.display())]
    BadLayout {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}; another lab may be using the block, choose another one")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// All blocks of addresses are taken.
    #[error("all blocks of addresses 127.77.x are taken by other labs")]
    NoBlock,
    /// A part of the lab does not start.
    #[error("{part} does not start")]
    Part {
        /// The part.
        part: String,
        /// The cause.
        source: Cause,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s; the logs are in {}", logs.display())]
    Deadline {
        /// The event that was waited for.
        what: String,
        /// The time for which it was waited for.
        seconds: u64,
        /// The place to look in.
        logs: PathBuf,
    },
    /// The start was given up because its caller wanted that.
    #[error("the start of the lab was interrupted")]
    Interrupted,
    /// A shard has no primary now.
    #[error("shard {shard} has no primary now")]
    NoPrimary {
        /// The shard.
        shard: String,
    },
}

impl LabError {
    pub(super) fn part(part: impl Into<String>) -> impl FnOnce(Cause) -> Self {
        let part = part.into();
        |source| Self::Part { part, source }
    }

    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn list(directories: &[PathBuf]) -> String {
    directories.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
