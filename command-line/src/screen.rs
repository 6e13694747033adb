//! Text for people: as wide as their terminal, broken at words, and with colour where something needs them.

use std::io::{IsTerminal, Stderr, Stdout, stderr, stdout};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter};

/// The width where nobody says another: that of a terminal that nobody made wider.
const USUAL: usize = 80;
/// Lines that are longer than this are hard to read, however wide the terminal is; help pages are not wider either.
const WIDEST: usize = 100;
/// Text is not broken into shorter lines than this.
const NARROWEST: usize = 40;

/// The layout of text on a stream.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In columns; without it nothing is broken.
    width: Option<usize>,
    is_coloured: bool,
    is_terminal: bool,
}

/// The reason why something stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It does not.
    Plain,
    /// It failed, or writes are refused.
    Bad,
    /// Somebody should look.
    Warning,
    /// It is done, or in order.
    Good,
    /// It can be skipped.
    Faint,
}

impl Screen {
    /// A pipe of this width, whatever there is.
    pub fn plain(width: usize) -> Self {
        Self { width: Some(width), is_coloured: false, is_terminal: false }
    }

    /// Standard output: what is printed for people is broken at words in pipes and files too.
    pub fn of_stdout() -> Self {
        let is_terminal = stdout().is_terminal();
        let width = Some(width(is_terminal));
        Self {
            width,
            is_coloured: is_coloured(AutoStream::<Stdout>::choice(&stdout())),
            is_terminal,
        }
    }

    /// Standard error: whatever reads it other than a person wants a message on its line.
    pub fn of_stderr() -> Self {
        let is_terminal = stderr().is_terminal();
        let width = is_terminal.then(|| width(true));
        Self {
            width,
            is_coloured: is_coloured(AutoStream::<Stderr>::choice(&stderr())),
            is_terminal,
        }
    }

    /// The number of its lines, if somebody watches: what is printed can be replaced.
    pub fn height(self) -> Option<usize> {
        let (_, height) = terminal_size::terminal_size().filter(|_| self.is_terminal)?;
        Some(usize::from(height.0))
    }

    /// True if a line need not be broken.
    pub fn fits(self, line: &str) -> bool {
        self.width.is_none_or(|width| textwrap::core::display_width(line) <= width)
    }

    /// The same for text whose lines are records of their own: they are broken only on a terminal.
    #[must_use]
    pub fn for_records(self) -> Self {
        Self { width: self.width.filter(|_| self.is_terminal), ..self }
    }

    /// Text broken at words, as lines. The first begins with `head`, and the others are indented as far.
    pub fn lines(self, head: &str, text: &str) -> Vec<String> {
        let indent = " ".repeat(textwrap::core::display_width(head));
        self.width.map_or_else(
            || vec![format!("{head}{text}")],
            |width| wrapped(width, head, &indent, text),
        )
    }

    /// Text broken at words into a column that begins after so many others.
    pub fn column(self, after: usize, text: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        wrapped(width.saturating_sub(after).max(NARROWEST / 2), "", "", text).join("\n")
    }

    /// A line with the colour of its mood.
    pub fn coloured(self, mood: Mood, line: &str) -> String {
        let style = mood.style();
        if self.is_coloured && !line.is_empty() {
            format!("{style}{line}{style:#}")
        } else {
            line.to_owned()
        }
    }
}

impl Mood {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

fn wrapped(width: usize, head: &str, indent: &str, text: &str) -> Vec<String> {
    let options = Options::new(width)
        .initial_indent(head)
        .subsequent_indent(indent)
        // Names of phases, URLs and paths stay whole, for they are copied.
        .break_words(false)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The words of a line. A command in backquotes is one, for it is copied: it begins a line of its own rather than to be broken.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        let (mut is_quoted, mut is_blank) = (false, false);
        let end = rest.char_indices().find_map(|(at, letter)| {
            // The next word begins after the blanks.
            if is_blank && letter != ' ' {
                return Some(at);
            }
            if letter == '`' {
                // One that is never closed quotes nothing.
                is_quoted = !is_quoted && rest.get(at + 1..).is_some_and(|more| more.contains('`'));
            }
            is_blank = letter == ' ' && !is_quoted;
            None
        });
        let (word, more) = rest.split_at(end.unwrap_or(rest.len()));
        rest = more;
        (!word.is_empty()).then(|| Word::from(word))
    }))
}

/// `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` say something too.
fn is_coloured(choice: ColorChoice) -> bool {
    matches!(choice, ColorChoice::Always | ColorChoice::AlwaysAnsi)
}

/// The user's word first, then the terminal's.
fn width(is_terminal: bool) -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || {
        let (width, _) = terminal_size::terminal_size().filter(|_| is_terminal)?;
        Some(usize::from(width.0))
    };
    let width = said.filter(|&width| width > 0).or_else(of_terminal).unwrap_or(USUAL);
    width.clamp(NARROWEST, WIDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_words_and_indented_as_far_as_its_head() {
        let lines = Screen::plain(40).lines(
            "* drain: ",
            "wait until the new peers have all that 2.moray.lab.example.net has",
        );
        assert_eq!(
            lines,
            [
                "* drain: wait until the new peers have",
                "         all that",
                "         2.moray.lab.example.net has"
            ]
        );
    }

    #[test]
    fn what_is_copied_stays_whole() {
        let url = "http://imgapi.example.net/images/f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d";
        let lines =
            Screen::plain(40).lines("  ", &format!("no answer from {url} for block-writes"));
        assert_eq!(lines, ["  no answer from", &format!("  {url}"), "  for block-writes"]);
    }

    #[test]
    fn commands_in_backquotes_stay_whole() {
        let text = "see first that SAPI answers; `reshard resume my.plan` goes on, or \
                    (`sdc-sapi /services/7 -X PUT -d '{\"action\": \"delete\"}'`) then";
        assert_eq!(
            Screen::plain(40).lines("* ", text),
            [
                "* see first that SAPI answers;",
                "  `reshard resume my.plan` goes on, or",
                "  (`sdc-sapi /services/7 -X PUT -d '{\"action\": \"delete\"}'`)",
                "  then",
            ]
        );
        let open = "a ` that is never closed is no command, and is broken as all text is";
        let lines = Screen::plain(40).lines("", open);
        assert_eq!(
            lines,
            ["a ` that is never closed is no command,", "and is broken as all text is"]
        );
        assert!(Screen::plain(40).lines("", "").len() <= 1);
    }

    #[test]
    fn a_log_in_a_pipe_keeps_its_lines() {
        let long = "word ".repeat(30);
        assert_eq!(Screen::plain(40).for_records().lines("", &long).len(), 1);
    }

    #[test]
    fn colour_is_only_where_it_may_be() {
        let screen = Screen::plain(80);
        assert_eq!(screen.coloured(Mood::Bad, "held"), "held");
        let coloured = Screen { is_coloured: true, ..screen };
        assert_eq!(coloured.coloured(Mood::Bad, "held"), "\u{1b}[1m\u{1b}[31mheld\u{1b}[0m");
        assert_eq!(coloured.coloured(Mood::Plain, "held"), "held");
        assert_eq!(coloured.coloured(Mood::Bad, ""), "");
    }
}
