//! `reshard phases`.

use std::io::Write;

use clap::Args;
use reshard_core::{Mode, Sequence, phases};
use serde_json::json;

use super::error::Result;
use super::format::Format;
use super::mode::ModeName;
use crate::output::Output;
use crate::table::Table;

/// List the phases of a plan: what each reads and changes, when it is done, and how it is rolled back
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard phases
  reshard phases --mode rfd103 --long")]
pub(super) struct PhasesArgs {
    /// The way in which vnodes move
    #[arg(long, value_enum, default_value_t)]
    mode: ModeName,
    /// Tell everything about each
    #[arg(short, long)]
    long: bool,
    /// Print docs/phases.md, or docs/phases-guarded.md
    #[arg(long, conflicts_with = "long")]
    markdown: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl PhasesArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<()> {
        let phases = Mode::from(self.mode).sequence()?;
        if self.markdown {
            return Ok(write!(out, "{}", page(self.mode.into(), &phases))?);
        }
        if self.output.is_json() {
            let list = phases.iter().map(|phase| {
                let mut about = json!(phase.about());
                if let Some(members) = about.as_object_mut() {
                    members.insert("name".to_owned(), json!(phase.name()));
                }
                about
            });
            return Ok(out.json(&list.collect::<Vec<_>>())?);
        }
        if self.long {
            for (phase, about) in phases.iter().map(|phase| (phase.name(), phase.about())) {
                out.text("", format_args!("{phase}: {}", about.title))?;
                for (what, text) in [
                    ("RFD 103", about.rfd103),
                    ("reads", about.reads),
                    ("writes", about.writes),
                    ("done when", about.done_when),
                    ("undo", about.undo),
                    ("pause", about.pause),
                ] {
                    out.text(&format!("  {what:<10} "), text)?;
                }
            }
            return Ok(());
        }
        let mut table = Table::new(["PHASE", "RFD 103", "WRITES", "WHAT"]);
        for phase in &phases {
            let about = phase.about();
            let writes = if phase.write_block().touches() { "refused" } else { "accepted" };
            table.row([phase.name(), about.rfd103, writes, about.title].map(str::to_owned));
        }
        Ok(out.table(table)?)
    }
}

/// The page docs/phases.md, or docs/phases-guarded.md.
fn page(mode: Mode, sequence: &Sequence) -> String {
    let (title, by) = match mode {
        Mode::Guarded => ("The phases of a guarded plan", "`reshard phases --markdown`"),
        Mode::Rfd103 | _ => {
            ("The phases of a plan as RFD 103 says", "`reshard phases --mode rfd103 --markdown`")
        }
    };
    phases::document(sequence, title, by)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_is_what_the_phases_say() {
        for (mode, name, file) in
            [(Mode::Rfd103, "rfd103", "phases.md"), (Mode::Guarded, "guarded", "phases-guarded.md")]
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
            let there = fs::read_to_string(path).unwrap();
            assert!(
                there == page(mode, &mode.sequence().unwrap()),
                "make it anew: cargo run -p reshard-cli -- phases --mode {name} --markdown > docs/{file}"
            );
        }
    }
}
