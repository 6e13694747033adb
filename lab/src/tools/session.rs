//! The surroundings of a tool: where it runs, its environment, what it reads and prints.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{IsTerminal, Read, Write};

use uuid::Uuid;

use super::control::Control;
use crate::causes::Chain;

/// The reason for which a tool ends early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was called wrongly. Its usage is printed and it exits with 2.
    Usage(String),
    /// It exits with this code after this message, printed as it is.
    Exit(u8, String),
}

impl Failure {
    /// Exit code 1 after a message.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::Exit(1, message.into())
    }

    /// Exit code 1 after what was attempted, and why it failed.
    pub(super) fn because(what: impl AsRef<str>, error: &(dyn Error + 'static)) -> Self {
        Self::Exit(1, format!("{}: {}", what.as_ref(), Chain(error)))
    }
}

/// The end of a tool.
pub(super) type Ending = Result<u8, Failure>;

/// The place where a tool runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a zone.
    Zone(Uuid),
    /// In the global zone of a compute node.
    Server(Uuid),
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("server:") {
            Some(server) => server.parse().ok().map(Self::Server),
            None => text.parse().ok().map(Self::Zone),
        }
    }
}

/// A tool's surroundings.
pub(super) struct Session {
    variables: BTreeMap<String, String>,
}

#[expect(clippy::unused_self, reason = "tools reach stdin, stdout and stderr through this alone")]
impl Session {
    /// With these variables as environment.
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect() }
    }

    /// A variable of the environment. Empty ones count as not there.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The place where the tool runs, by `LAB_ZONE`.
    pub(super) fn place(&self) -> Result<Place, Failure> {
        let text = self.variable("LAB_ZONE").ok_or_else(|| Failure::new(NO_LAB))?;
        let bad = || format!("LAB_ZONE is {text:?}: it has to be a UUID, or server: and a UUID");
        Place::parse(text).ok_or_else(|| Failure::new(bad()))
    }

    /// The zone that the tool runs in.
    pub(super) fn zone(&self) -> Result<Uuid, Failure> {
        match self.place()? {
            Place::Zone(zone) => Ok(zone),
            Place::Server(_) => Err(Failure::new("this works in a zone, not in a global zone")),
        }
    }

    /// The running lab, by `LAB_CONTROL`.
    pub(super) fn control(&self) -> Result<Control, Failure> {
        let base = self.variable("LAB_CONTROL").ok_or_else(|| Failure::new(NO_LAB))?;
        Ok(Control::new(base))
    }

    /// Prints. A reader that has gone away is no failure of the tool's.
    pub(super) fn print(&self, text: impl AsRef<[u8]>) {
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(text.as_ref()).and_then(|()| out.flush()) {
            tracing::debug!(%error, "stdout is closed");
        }
    }

    /// Complains.
    pub(super) fn complain(&self, text: impl AsRef<[u8]>) {
        let mut err = std::io::stderr().lock();
        if let Err(error) = err.write_all(text.as_ref()) {
            tracing::debug!(%error, "stderr is closed");
        }
    }

    /// Everything that stdin has. Nothing when it is a terminal.
    pub(super) fn input(&self) -> Result<Vec<u8>, Failure> {
        let mut stdin = std::io::stdin().lock();
        let mut bytes = Vec::new();
        if !stdin.is_terminal() {
            let cannot = |error| Failure::because("cannot read stdin", &error);
            stdin.read_to_end(&mut bytes).map_err(cannot)?;
        }
        Ok(bytes)
    }

    /// Asks a question, which stays on the line, and reads a line of answer. Empty at the end of stdin.
    pub(super) fn ask(&self, question: &str) -> Result<String, Failure> {
        self.print(question);
        let mut line = String::new();
        let cannot = |error| Failure::because("cannot read stdin", &error);
        std::io::stdin().read_line(&mut line).map_err(cannot)?;
        Ok(line.trim().to_owned())
    }
}

const NO_LAB: &str =
    "LAB_CONTROL and LAB_ZONE are not set: this runs in the zones of a lab, by `reshard lab exec`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_zone_or_a_server() {
        let uuid = Uuid::new_v4();
        let place = |text: String| Session::new([("LAB_ZONE".to_owned(), text)]).place();
        assert_eq!(place(uuid.to_string()), Ok(Place::Zone(uuid)));
        assert_eq!(place(format!("server:{uuid}")), Ok(Place::Server(uuid)));
        assert!(place("headnode".to_owned()).is_err());
        assert!(place(String::new()).is_err());
    }
}
