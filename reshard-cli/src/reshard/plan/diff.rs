//! `reshard plan diff`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use reshard_core::{Journal, SqliteJournal};
use serde_json::Value;

use crate::exit;
use crate::output::Output;
use crate::reshard::error::Result;
use crate::reshard::format::Format;

/// The longest value that is printed whole.
const LONGEST: usize = 60;

/// Compare two plans; exit status 1 if they differ
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard plan diff split.plan other.plan

Exit status:
  0  they are the same
  1  they differ, or one of them cannot be read: standard error says which, and why")]
pub(super) struct DiffArgs {
    /// A plan's file
    first: PathBuf,
    /// Another's
    second: PathBuf,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl DiffArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let first = SqliteJournal::open_read_only(&self.first)?.plan().await?;
        let second = SqliteJournal::open_read_only(&self.second)?.plan().await?;
        let differences = first.differences(&second);
        if self.output.is_json() {
            out.json(&differences)?;
        } else {
            for found in &differences {
                writeln!(out, "{}", found.path)?;
                writeln!(out, "  - {}", shown(found.first.as_ref()))?;
                writeln!(out, "  + {}", shown(found.second.as_ref()))?;
            }
        }
        Ok(if differences.is_empty() { exit::SUCCESS } else { exit::FAILURE })
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(not there)".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len())
        }
        None => text,
    }
}
