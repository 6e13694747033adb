//! Names of SMF instances, and the shorter forms and patterns that stand for them.

/// Tells whether an operand of `svcs` or `svcadm` stands for an instance. It can be the whole name,
/// `svc:/manta/application/manatee-sitter:default`, or end parts of it: of the service's name with or without the
/// instance's, `manatee-sitter`, `application/manatee-sitter:default`, or the instance's alone; or a pattern of the
/// shell for any of these.
pub(super) fn matches(operand: &str, fmri: &str) -> bool {
    let service = fmri.rsplit_once(':').map_or(fmri, |(service, _)| service);
    forms(fmri).chain(forms(service)).any(|form| glob(operand, form))
}

/// Tells whether an operand is a pattern, and may stand for several instances.
pub(super) fn is_pattern(operand: &str) -> bool {
    operand.contains(['*', '?', '['])
}

/// A name, and what is left of it after each `/` and `:`.
fn forms(name: &str) -> impl Iterator<Item = &str> {
    let ends = name.char_indices().filter(|(_, letter)| matches!(letter, '/' | ':'));
    let rests = ends.filter_map(|(at, _)| name.get(at + 1..));
    std::iter::once(name).chain(rests).filter(|form| !form.is_empty())
}

/// Tells whether a pattern of the shell matches a whole text. `*` matches `/` too.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    match pattern_rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts.filter_map(|at| text.get(at..)).any(|rest| glob(pattern_rest.as_str(), rest))
        }
        Some('[') if pattern_rest.as_str().contains(']') => {
            let (class, rest) = pattern_rest.as_str().split_once(']').unwrap_or_default();
            let mut text_rest = text.chars();
            text_rest.next().is_some_and(|letter| in_class(class, letter))
                && glob(rest, text_rest.as_str())
        }
        Some(wanted) => {
            let mut text_rest = text.chars();
            text_rest.next().is_some_and(|letter| wanted == '?' || wanted == letter)
                && glob(pattern_rest.as_str(), text_rest.as_str())
        }
    }
}

fn in_class(class: &str, letter: char) -> bool {
    let negated = class.starts_with(['!', '^']);
    let members: Vec<char> = class.chars().skip(usize::from(negated)).collect();
    let mut members = members.as_slice();
    let mut found = false;
    while let Some((first, rest)) = members.split_first() {
        if let ['-', last, beyond @ ..] = rest {
            found |= (*first..=*last).contains(&letter);
            members = beyond;
        } else {
            found |= *first == letter;
            members = rest;
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: &str = "svc:/smartdc/application/electric-moray:electric-moray-2021";

    #[test]
    fn end_parts_stand_for_an_instance() {
        for form in [
            ROUTER,
            "svc:/smartdc/application/electric-moray",
            "smartdc/application/electric-moray:electric-moray-2021",
            "electric-moray:electric-moray-2021",
            "electric-moray",
            "electric-moray-2021",
        ] {
            assert!(matches(form, ROUTER), "{form}");
        }
        for form in ["moray", "electric-moray-2022", "electric-moray-202", "application", ""] {
            assert!(!matches(form, ROUTER), "{form}");
        }
    }

    #[test]
    fn patterns_match_any_form() {
        for pattern in ["*electric-moray*", "electric-moray-202?", "svc:/*2021", "*-202[1-4]", "*"]
        {
            assert!(matches(pattern, ROUTER) && is_pattern(pattern), "{pattern}");
        }
        for pattern in ["electric-moray-202[!1]", "*2022", "manatee*", "?"] {
            assert!(!matches(pattern, ROUTER), "{pattern}");
        }
    }
}
