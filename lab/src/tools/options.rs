//! Options as getopt takes them, short and long, and nothing that is not known.

use super::session::Failure;

/// The options that a tool has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grammar {
    /// The short options, as for getopt: `a` is a flag, `o:` takes a value.
    pub(super) short: &'static str,
    /// Long names of short options.
    pub(super) long: &'static [(&'static str, char)],
    /// True if options end at the first operand, because what follows is another command.
    pub(super) stops: bool,
}

/// The options of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    given: Vec<(char, String)>,
    /// The arguments that are no options.
    pub(super) operands: Vec<String>,
}

impl Grammar {
    /// Only short options, among the operands.
    pub(super) const fn new(short: &'static str) -> Self {
        Self { short, long: &[], stops: false }
    }

    /// Reads a call's arguments.
    pub(super) fn parse(&self, args: &[String]) -> Result<Options, Failure> {
        let mut options = Options::default();
        let mut args = args.iter().cloned();
        while let Some(arg) = args.next() {
            if arg == "--" {
                options.operands.extend(args);
                break;
            } else if let Some(long) = arg.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let letter = self.letter(name)?;
                let value = match (self.takes_value(letter)?, value) {
                    (true, None) => Some(args.next().ok_or_else(|| missing(name))?),
                    (true, given) => given,
                    (false, None) => None,
                    (false, Some(_)) => return usage(format!("--{name} takes no value")),
                };
                options.given.push((letter, value.unwrap_or_default()));
            } else if let Some(letters) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) {
                self.parse_letters(letters, &mut args, &mut options)?;
            } else if self.stops {
                options.operands.push(arg);
                options.operands.extend(args);
                break;
            } else {
                options.operands.push(arg);
            }
        }
        Ok(options)
    }

    fn parse_letters(
        &self,
        letters: &str,
        args: &mut impl Iterator<Item = String>,
        options: &mut Options,
    ) -> Result<(), Failure> {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            if !self.takes_value(letter)? {
                options.given.push((letter, String::new()));
                continue;
            }
            let value = match rest.as_str() {
                "" => args.next().ok_or_else(|| missing(&letter.to_string()))?,
                attached => attached.to_owned(),
            };
            options.given.push((letter, value));
            break;
        }
        Ok(())
    }

    fn letter(&self, name: &str) -> Result<char, Failure> {
        let found = self.long.iter().find(|(long, _)| *long == name);
        found.map_or_else(|| usage(format!("unknown option: --{name}")), |(_, letter)| Ok(*letter))
    }

    fn takes_value(&self, letter: char) -> Result<bool, Failure> {
        let mut letters = self.short.chars();
        match letters.by_ref().find(|known| *known == letter && letter != ':') {
            Some(_) => Ok(letters.next() == Some(':')),
            None => usage(format!("unknown option: -{letter}")),
        }
    }
}

impl Options {
    /// Tells whether a flag was given.
    pub(super) fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The value of an option, the last if it was given twice.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }

    /// The values of an option that takes a list with commas and can be given several times.
    pub(super) fn list(&self, letter: char) -> Vec<&str> {
        let given = self.given.iter().filter(|(given, _)| *given == letter);
        given.flat_map(|(_, value)| value.split(',')).filter(|item| !item.is_empty()).collect()
    }

    /// The operands, when there are exactly so many.
    pub(super) fn exactly<const N: usize>(&self, names: &str) -> Result<[&str; N], Failure> {
        let operands: Vec<&str> = self.operands.iter().map(String::as_str).collect();
        let wrong = |given: Vec<&str>| {
            Failure::Usage(format!("{} operands instead of {N}: {names}", given.len()))
        };
        operands.try_into().map_err(wrong)
    }
}

fn missing(name: &str) -> Failure {
    Failure::Usage(format!("option {name} needs a value"))
}

/// A failure of usage, as a result.
pub(super) fn usage<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(message.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn options_stand_together_or_apart() {
        let grammar = Grammar { long: &[("service", 's')], ..Grammar::new("Hvo:s:") };
        let args = ["-Ho", "state,fmri", "x", "--service=a,b", "--service", "c", "-v", "--", "-z"];
        let options = grammar.parse(&strings(&args)).unwrap();
        assert!(options.has('H') && options.has('v'));
        assert_eq!(options.list('o'), ["state", "fmri"]);
        assert_eq!(options.list('s'), ["a", "b", "c"]);
        assert_eq!(options.operands, ["x", "-z"]);
    }

    #[test]
    fn a_command_after_the_first_operand_keeps_its_options() {
        let grammar = Grammar { stops: true, ..Grammar::new("Ql:") };
        let options = grammar.parse(&strings(&["-Q", "zone", "bash", "-l"])).unwrap();
        assert_eq!(options.operands, ["zone", "bash", "-l"]);
    }

    #[test]
    fn what_is_unknown_is_refused() {
        let grammar = Grammar::new("a:");
        for args in [&["-b"][..], &["--bee"], &["-a"], &["-:"]] {
            assert!(matches!(grammar.parse(&strings(args)), Err(Failure::Usage(_))), "{args:?}");
        }
    }
}
