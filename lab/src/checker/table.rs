//! A report as tables.

use std::fmt::{self, Formatter};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use textwrap::{Options, WordSplitter};

use super::{Outages, Report, ViolationKind, WriteBlock};

/// The columns of a line.
const WIDTH: u16 = 80;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_green() {
            "every acknowledged write is where it must be"
        } else {
            "VIOLATIONS"
        };
        writeln!(f, "{verdict}\n\n{}\n\n{}", facts(self), kinds(self))?;
        // Keys and values stay whole, for they are copied.
        let options = Options::new(WIDTH.into())
            .subsequent_indent("    ")
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        for violation in &self.listed {
            writeln!(f, "\n{}", textwrap::fill(&violation.to_string(), &options))?;
        }
        let total: u64 = self.violations.values().sum();
        let left = total.saturating_sub(self.listed.len() as u64);
        if left > 0 {
            writeln!(f, "\nand {left} more")?;
        }
        Ok(())
    }
}

/// The numbers of all that was looked at, each with its name.
fn facts(report: &Report) -> String {
    let c = &report.checked;
    let mut table = Table::new();
    let mut fact = |name: &str, text: String| {
        table.add_row([name, &text]);
    };
    fact("objects checked", with(c.objects, &[(c.in_transit, "between two owners")]));
    fact(
        "rows read",
        with(c.rows, &[(c.null_vnodes, "without vnode"), (c.strangers, "of others")]),
    );
    fact("writes", with(c.writes, &[(c.acknowledged, "acknowledged"), (c.refused, "refused")]));
    if c.unknown + c.open > 0 {
        fact("", format!("{} of unknown outcome, {} under way", c.unknown, c.open));
    }
    if c.retried_writes > 0 {
        fact("  retried", format!("{} at another router", c.retried_writes));
    }
    fact("  latency", report.write_latency.to_string());
    fact("reads", with(c.reads, &[(report.reads.failed, "failed"), (c.wrong_reads, "wrong")]));
    if c.retried_reads > 0 {
        fact("  retried", format!("{} at another router", c.retried_reads));
    }
    fact("  latency", report.read_latency.to_string());
    let ghosts = with(report.ghosts.values().sum(), &[(c.ghosts_of_moved, "of moved vnodes")]);
    fact("ghost rows", format!("{ghosts} of {} vnodes", report.ghosts.len()));
    fact("moved vnodes: writes", outages(&report.moved_writes));
    let WriteBlock { handovers, blocked, longest, median, .. } = report.write_block;
    if handovers > 0 {
        let text = format!("{handovers} seen by writes, {blocked} with writes that failed");
        fact("  handovers", text);
    }
    if blocked > 0 {
        let text = format!("longest {}, median {}", seconds(longest), seconds(median));
        fact("  write block", text);
    }
    fact("other vnodes: writes", outages(&report.untouched_writes));
    fact("all vnodes: reads", outages(&report.reads));
    laid_out(table, 0)
}

/// The number of violations of each kind.
fn kinds(report: &Report) -> String {
    let mut table = Table::new();
    for kind in ViolationKind::ALL {
        let count = report.count(kind);
        let mark = if count == 0 { "ok" } else { "BAD" };
        table.add_row([mark, &kind.to_string(), &count.to_string()]);
    }
    if let Some(counts) = table.column_mut(2) {
        counts.set_cell_alignment(CellAlignment::Right);
    }
    laid_out(table, 2)
}

/// A table as text, with this many spaces before its first column.
fn laid_out(mut table: Table, before: u16) -> String {
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    if let Some(first) = table.column_mut(0) {
        first.set_padding((before, 1));
    }
    table.trim_fmt()
}

fn with(count: u64, parts: &[(u64, &str)]) -> String {
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() { count.to_string() } else { format!("{count} ({})", parts.join(", ")) }
}

fn outages(outages: &Outages) -> String {
    let Outages { count, failed, longest, longest_union, union, vnodes, .. } = outages;
    if *count == 0 {
        return "never failed".to_owned();
    }
    format!(
        "{failed} failed on {} vnodes\nlongest {} on one vnode; on any: {} in all, {} at a stretch",
        vnodes.len(),
        seconds(*longest),
        seconds(*union),
        seconds(*longest_union)
    )
}

fn seconds(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is a length of time for people")]
    let seconds = micros as f64 / 1e6;
    format!("{seconds:.3} s")
}

#[cfg(test)]
mod tests {
    use super::super::Checked;
    use super::*;

    #[test]
    fn names_and_numbers_are_in_columns() {
        let checked = Checked { objects: 30_209, in_transit: 2, ..Checked::default() };
        let moved_writes =
            Outages { count: 1, failed: 776, longest: 10_946_000, ..Outages::default() };
        let violations = [(ViolationKind::Lost, 12)].into();
        let text = Report { checked, violations, moved_writes, ..Report::default() }.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "VIOLATIONS");
        for line in [
            "objects checked       30209 (2 between two owners)",
            "  latency             p50 0.0 ms, p95 0.0 ms, p99 0.0 ms, max 0.0 ms",
            "moved vnodes: writes  776 failed on 0 vnodes",
            "                      longest 10.946 s on one vnode; on any: 0.000 s in all,",
            "                      0.000 s at a stretch",
            "other vnodes: writes  never failed",
            "  BAD  lost objects                           12",
            "  ok   ghost rows where none may be            0",
        ] {
            assert!(lines.contains(&line), "{line}\n{text}");
        }
        assert_eq!(lines.last(), Some(&"and 12 more"));
    }
}
