//! A report as a table.

use std::fmt::{self, Formatter};

use super::{Outages, Report, ViolationKind, WriteBlock};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let c = &self.checked;
        let verdict = if self.is_green() {
            "every acknowledged write is where it must be"
        } else {
            "VIOLATIONS"
        };
        writeln!(f, "{verdict}")?;
        writeln!(f)?;
        line(f, "objects checked", &with(c.objects, &[(c.in_transit, "between two owners")]))?;
        let rows = [(c.null_vnodes, "without vnode"), (c.strangers, "of others")];
        line(f, "rows read", &with(c.rows, &rows))?;
        let writes = [(c.acknowledged, "acknowledged"), (c.refused, "refused")];
        line(f, "writes", &with(c.writes, &writes))?;
        if c.unknown + c.open > 0 {
            line(f, "", &format!("{} of unknown outcome, {} under way", c.unknown, c.open))?;
        }
        line(f, "  latency", &self.write_latency.to_string())?;
        line(
            f,
            "reads",
            &with(c.reads, &[(self.reads.failed, "failed"), (c.wrong_reads, "wrong")]),
        )?;
        line(f, "  latency", &self.read_latency.to_string())?;
        let ghosts: u64 = self.ghosts.values().sum();
        let of_moved = with(ghosts, &[(c.ghosts_of_moved, "of moved vnodes")]);
        line(f, "ghost rows", &format!("{of_moved} of {} vnodes", self.ghosts.len()))?;
        outages(f, "moved vnodes: writes", &self.moved_writes)?;
        block(f, &self.write_block)?;
        outages(f, "other vnodes: writes", &self.untouched_writes)?;
        outages(f, "all vnodes: reads", &self.reads)?;
        writeln!(f)?;
        for kind in ViolationKind::ALL {
            let count = self.count(kind);
            let mark = if count == 0 { "ok" } else { "BAD" };
            writeln!(f, "{mark:>4}  {kind:<44}{count:>12}")?;
        }
        for violation in &self.listed {
            writeln!(f)?;
            wrapped(f, &violation.to_string())?;
        }
        let total: u64 = self.violations.values().sum();
        let left = total.saturating_sub(self.listed.len() as u64);
        if left > 0 {
            writeln!(f, "\nand {left} more")?;
        }
        Ok(())
    }
}

fn line(f: &mut Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "{name:<22}{text}")
}

fn with(count: u64, parts: &[(u64, &str)]) -> String {
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    if parts.is_empty() { count.to_string() } else { format!("{count} ({})", parts.join(", ")) }
}

fn outages(f: &mut Formatter<'_>, name: &str, outages: &Outages) -> fmt::Result {
    if outages.count == 0 {
        return line(f, name, "never failed");
    }
    let Outages { failed, longest, longest_union, union, vnodes, .. } = outages;
    let text = format!("{failed} failed on {} vnodes", vnodes.len());
    line(f, name, &text)?;
    let text = format!(
        "longest {} on one vnode; on any: {} in all, {} at a stretch",
        seconds(*longest),
        seconds(*union),
        seconds(*longest_union)
    );
    // Too long to stand beside a name.
    writeln!(f, "    {text}")
}

fn block(f: &mut Formatter<'_>, block: &WriteBlock) -> fmt::Result {
    let WriteBlock { handovers, blocked, longest, median, .. } = block;
    if *handovers == 0 {
        return Ok(());
    }
    let text = format!("{handovers} seen by writes, {blocked} with writes that failed");
    line(f, "  handovers", &text)?;
    if *blocked == 0 {
        return Ok(());
    }
    let text = format!("longest {}, median {}", seconds(*longest), seconds(*median));
    line(f, "  write block", &text)
}

fn seconds(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is a length of time for people")]
    let seconds = micros as f64 / 1e6;
    format!("{seconds:.3} s")
}

/// In lines of 80 columns. Words that are longer stay whole.
fn wrapped(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 80 {
            write!(f, "\n    ")?;
            column = 4;
        } else if column > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += width;
    }
    writeln!(f)
}
