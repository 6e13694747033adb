//! Tables for people: columns as wide as they need, and the last one broken at words to what is left of the screen.

use comfy_table::CellAlignment;
use comfy_table::presets::NOTHING;

use crate::screen::{Mood, Screen};

/// The number of spaces before the first column.
const MARGIN: usize = 1;
/// The number of spaces between two columns.
const GAP: usize = 2;

/// A table that is laid out when it is printed.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    header: [&'static str; COLUMNS],
    numbers: &'static [usize],
    rows: Vec<(Mood, [String; COLUMNS])>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with these headings.
    pub fn new(header: [&'static str; COLUMNS]) -> Self {
        Self { header, numbers: &[], rows: Vec::new() }
    }

    /// Numbers, counted from 0, of the columns that are aligned on the right.
    #[must_use]
    pub fn numbers(mut self, columns: &'static [usize]) -> Self {
        self.numbers = columns;
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; COLUMNS]) {
        self.row_in(Mood::Plain, cells);
    }

    /// Adds a row that stands out.
    pub fn row_in(&mut self, mood: Mood, cells: [String; COLUMNS]) {
        self.rows.push((mood, cells));
    }

    /// The table's lines.
    pub fn lines(self, screen: Screen) -> Vec<String> {
        let before = MARGIN + self.widths().map(|width| width + GAP).sum::<usize>();
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_header(self.header);
        let mut moods = vec![Mood::Faint];
        for (mood, mut cells) in self.rows {
            if let Some(last) = cells.last_mut() {
                *last = screen.column(before, last);
                // A row has as many lines as its last cell: no other is broken.
                moods.extend(std::iter::repeat_n(mood, last.lines().count().max(1)));
            }
            table.add_row(cells);
        }
        for &number in self.numbers {
            if let Some(column) = table.column_mut(number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let laid_out = table.trim_fmt();
        laid_out.lines().zip(moods).map(|(line, mood)| screen.coloured(mood, line)).collect()
    }

    /// The width of each column but the last.
    fn widths(&self) -> impl Iterator<Item = usize> {
        let width = |text: &str| textwrap::core::display_width(text);
        (0..COLUMNS.saturating_sub(1)).map(move |at| {
            let of_cells = self.rows.iter().filter_map(|(_, cells)| cells.get(at));
            let of_header = self.header.get(at).map_or(0, |heading| width(heading));
            of_cells.map(|cell| width(cell)).max().unwrap_or(0).max(of_header)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_is_broken_at_words_and_stays_in_its_place() {
        let mut table = Table::new(["CHECK", "", "FOUND"]);
        table.row(["manta".into(), "ok".into(), "found".into()]);
        table.row_in(
            Mood::Bad,
            ["shard-state".into(), "failed".into(), "the shard is frozen by somebody else".into()],
        );
        assert_eq!(
            table.lines(Screen::plain(45)),
            [
                " CHECK                FOUND",
                " manta        ok      found",
                " shard-state  failed  the shard is frozen by",
                "                      somebody else",
            ]
        );
    }

    #[test]
    fn numbers_are_aligned_on_the_right() {
        let mut table = Table::new(["SHARD", "ROWS"]).numbers(&[1]);
        table.row(["2".into(), "1,234".into()]);
        table.row(["3".into(), "5".into()]);
        assert_eq!(
            table.lines(Screen::plain(80)),
            [" SHARD   ROWS", " 2      1,234", " 3          5"]
        );
    }
}
