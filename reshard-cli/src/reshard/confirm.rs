//! Asking before anything that cannot simply be rolled back.

use std::io::{IsTerminal, Write, stderr, stdin};

use clap::Args;

use super::error::{Error, Result};
use crate::screen::Screen;

/// Consent that is given beforehand.
#[derive(Args, Debug, Clone, Copy)]
pub(super) struct Confirm {
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl Confirm {
    /// Asks a question, unless the answer was given already. Without a terminal there is nobody to ask.
    pub(super) fn ask(self, question: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        if !stdin().is_terminal() {
            return Err(Error::NobodyToAsk { question: question.to_owned() });
        }
        let question = Screen::of_stderr().lines("", &format!("{question} [y/N]"));
        write!(stderr(), "{} ", question.join("\n"))?;
        let mut answer = String::new();
        stdin().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Error::NotConfirmed) }
    }
}
