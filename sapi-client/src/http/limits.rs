//! The limits on the size of answers.

use std::fmt;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The content of an answer, by which its size is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnswerKind {
    /// A few words, or nothing: a ping, SAPI's mode, what is said to a deletion.
    Note,
    /// One object, such as an instance with its metadata, or what a script printed.
    Object,
    /// A list of objects, or a page of one.
    List,
    /// A refusal, whatever was asked for.
    Refusal,
    /// The file of an image, which is not kept in memory. Its size is announced by its manifest.
    File,
}

impl fmt::Display for AnswerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "a short answer",
            Self::Object => "one object",
            Self::List => "a list",
            Self::Refusal => "a refusal",
            Self::File => "this file",
        })
    }
}

/// The largest answers that are read, in bytes. A parsed answer takes several times its size in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// Of [`AnswerKind::Note`]. 64 KiB.
    pub note: u64,
    /// Of [`AnswerKind::Object`]. 8 MiB: Manta's application has the metadata of all its services, and scripts may print much.
    pub object: u64,
    /// Of [`AnswerKind::List`]. 64 MiB: a region's instances come as one answer, each with a boot script.
    pub list: u64,
    /// Of [`AnswerKind::Refusal`]. 1 MiB. What is longer is not read to its end; the status is the error.
    pub refusal: u64,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { note: 64 * KIB, object: 8 * MIB, list: 64 * MIB, refusal: MIB }
    }
}

impl AnswerLimits {
    /// The limit of an answer of this kind; files have announced sizes and none here.
    pub(crate) fn of(&self, kind: AnswerKind) -> u64 {
        match kind {
            AnswerKind::Note => self.note,
            AnswerKind::Object => self.object,
            AnswerKind::List => self.list,
            AnswerKind::Refusal => self.refusal,
            AnswerKind::File => u64::MAX,
        }
    }
}

/// A number of bytes in the largest unit that needs no fraction.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes > 0 && bytes % KIB == 0 => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
