//! `docs/phases.md`, which is made of what the phases say of themselves.

use std::fmt::Write;

use crate::phase::{Sequence, Step, WriteBlock};

/// A sequence of phases as a Markdown document; `printed_by` names what prints it.
pub fn document(phases: &Sequence, title: &str, printed_by: &str) -> String {
    let mut text = format!(
        "# {title}\n\n\
        In this order; {printed_by} prints this page. A phase can be run again from its beginning at any \
        time: it looks what is there before it changes anything. "
    );
    text.push_str(match phases.block_begins() {
        Some(_) => {
            "Between a phase that begins the write block and the one that ends it, writes to the moving vnodes are refused.\n"
        }
        None => "Writes are never refused.\n",
    });
    for (number, phase) in (1..).zip(phases) {
        // Writing to a string does not fail.
        describe(&mut text, number, phase).ok();
    }
    text
}

fn describe(text: &mut String, number: u32, phase: &Step) -> std::fmt::Result {
    let about = phase.about();
    writeln!(text, "\n## {number}. {}\n\n{}.", phase.name(), capitalised(about.title))?;
    let block = match phase.write_block() {
        WriteBlock::Outside => "",
        WriteBlock::Begins => " From here on writes to the moving vnodes are refused.",
        WriteBlock::Inside => " Writes to the moving vnodes are refused meanwhile.",
        WriteBlock::Ends => " In the end writes are accepted again.",
    };
    let last = if phase.is_pivot() { " From here on there is no way back." } else { "" };
    if !block.is_empty() || !last.is_empty() {
        writeln!(text, "\n{}", format!("{block}{last}").trim())?;
    }
    writeln!(text)?;
    let step = if about.rfd103.is_empty() { "none" } else { about.rfd103 };
    for (what, said) in [
        ("Step of RFD 103", step),
        ("Reads", about.reads),
        ("Writes", about.writes),
        ("Done when", about.done_when),
        ("Undo", about.undo),
        ("Pause", about.pause),
    ] {
        writeln!(text, "* {what}: {said}")?;
    }
    Ok(())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::plan::Mode;

    #[test]
    fn every_phase_says_everything() {
        let modes = [Mode::Rfd103, Mode::Guarded].map(|mode| mode.sequence().unwrap());
        for about in modes.iter().flatten().map(|phase| phase.about()) {
            for said in
                [about.title, about.reads, about.writes, about.done_when, about.undo, about.pause]
            {
                assert!(!said.is_empty(), "{}", about.title);
            }
        }
    }
}
