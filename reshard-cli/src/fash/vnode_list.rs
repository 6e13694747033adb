//! The vnodes that a command is about: a list in an argument or in a file.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fash::{InvalidVnode, Vnode};

/// A list of vnodes, as `-v` takes it: distinct, in the order given, at least one.
#[derive(Debug)]
struct VnodeList(Vec<Vnode>);

/// The reason why a text is no list of vnodes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidList {
    #[error(transparent)]
    Token(InvalidVnode),
    #[error("vnode {0} is in the list more than once")]
    Duplicate(Vnode),
    #[error("there are no vnodes in the list")]
    Empty,
}

/// The reason why there is no list of vnodes to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VnodeListError {
    #[error("cannot read the vnodes from {from}")]
    Read { from: String, source: io::Error },
    #[error("cannot use the vnodes from {from}")]
    Parse { from: String, source: InvalidList },
}

/// The options with which a command is told its vnodes; exactly one of the two.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("list").required(true).args(["vnode", "vnode_file"]))]
pub(crate) struct VnodeArgs {
    #[command(flatten)]
    list: OptionalVnodeArgs,
}

/// The same options for a command that has other ways to choose vnodes.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(crate) struct OptionalVnodeArgs {
    /// The vnodes, separated by commas or spaces
    ///
    /// Decimal numbers, as in `-v 1,5,8` or `-v '1 5 8'`; the brackets of a pasted list are ignored. Linux takes no more
    /// than 128 KiB in one argument, which is some 20,000 vnodes: use `--vnode-file` for longer lists.
    #[arg(short = 'v', long = "vnode", visible_alias = "vnodes", value_name = "LIST")]
    #[arg(allow_hyphen_values = true)]
    vnode: Option<String>,

    /// A file with the vnodes; `-` for standard input
    ///
    /// The syntax of `-v`, also on several lines, or a JSON array such as `fash get-vnodes --json` prints.
    #[arg(long, value_name = "FILE")]
    vnode_file: Option<PathBuf>,
}

impl VnodeArgs {
    /// The vnodes in the order given.
    pub(crate) fn read(&self) -> Result<Vec<Vnode>, VnodeListError> {
        self.list.read()
    }
}

impl OptionalVnodeArgs {
    /// The vnodes in the order given.
    pub(crate) fn read(&self) -> Result<Vec<Vnode>, VnodeListError> {
        let (from, text) = match (&self.vnode, &self.vnode_file) {
            (_, Some(path)) => read_text(path)?,
            (list, None) => ("-v".to_owned(), list.clone().unwrap_or_default()),
        };
        let list = text.parse().map_err(|source| VnodeListError::Parse { from, source });
        list.map(|VnodeList(vnodes)| vnodes)
    }
}

/// The text, after the name that errors have for the place where it came from.
fn read_text(path: &Path) -> Result<(String, String), VnodeListError> {
    let (from, text) = if path == Path::new("-") {
        ("standard input".to_owned(), io::read_to_string(io::stdin().lock()))
    } else {
        (path.display().to_string(), fs::read_to_string(path))
    };
    match text {
        Ok(text) => Ok((from, text)),
        Err(source) => Err(VnodeListError::Read { from, source }),
    }
}

impl FromStr for VnodeList {
    type Err = InvalidList;

    fn from_str(text: &str) -> Result<Self, InvalidList> {
        let mut vnodes = Vec::new();
        let mut seen = HashSet::new();
        for token in text.split(|c: char| c == ',' || c.is_ascii_whitespace()) {
            let number = token.trim_start_matches('[').trim_end_matches(']');
            if number.is_empty() {
                continue;
            }
            // The error shows the token as it was given.
            let vnode: Vnode =
                number.parse().map_err(|_| InvalidList::Token(InvalidVnode(token.to_owned())))?;
            if !seen.insert(vnode) {
                return Err(InvalidList::Duplicate(vnode));
            }
            vnodes.push(vnode);
        }
        if vnodes.is_empty() { Err(InvalidList::Empty) } else { Ok(Self(vnodes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<u32>, InvalidList> {
        text.parse().map(|VnodeList(list)| list.into_iter().map(Vnode::number).collect())
    }

    #[test]
    fn lists_keep_their_order() {
        assert_eq!(parse("7,3 5, 1"), Ok(vec![7, 3, 5, 1]));
        assert_eq!(parse("+1,02,,6,"), Ok(vec![1, 2, 6]));
        assert_eq!(parse("1\n2\r\n3\n"), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn pasted_lists_have_brackets() {
        for pasted in ["[ 0,\n  2,\n  4 ]\n", "[0,2,4]", "[ 0, 2, 4 ]"] {
            assert_eq!(parse(pasted), Ok(vec![0, 2, 4]), "{pasted}");
        }
    }

    #[test]
    fn anything_else_is_named_and_refused() {
        for token in ["abc", "0x3", "4.0", "5e0", "-1", "4294967296", "...", "'3'"] {
            let expected = Err(InvalidList::Token(InvalidVnode(token.to_owned())));
            assert_eq!(parse(&format!("1,{token} 2")), expected, "{token}");
        }
        // The last line of a list that Node 6 has cut: "50" must not become a vnode.
        assert!(parse("[ 0,\n  2,\n  ... 50 more items ]").is_err());
    }

    #[test]
    fn nothing_and_twice_the_same_are_refused() {
        for empty in ["", " , ", "[]"] {
            assert_eq!(parse(empty), Err(InvalidList::Empty), "{empty}");
        }
        assert_eq!(parse("4,04"), Err(InvalidList::Duplicate(Vnode::new(4))));
    }
}
