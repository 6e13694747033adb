//! From when single routers served rings to when rings were in force.

/// A ring that was served for a time, in microseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Its digest.
    pub(super) ring: String,
    pub(super) from: u64,
    pub(super) until: u64,
}

/// The span in which each ring was in force, by when routers served it: without gaps, from the beginning of time to its end.
/// Routers that serve the same ring one after another make one span of it.
pub(super) fn in_force(mut served: Vec<Span>) -> Vec<Span> {
    served.sort_by(|a, b| (a.from, a.until, &a.ring).cmp(&(b.from, b.until, &b.ring)));
    let mut spans: Vec<Span> = Vec::new();
    for span in served {
        let newest = spans.len().saturating_sub(1);
        let known = spans.iter_mut().enumerate().rev().find(|(index, known)| {
            known.ring == span.ring && (*index == newest || span.from <= known.until)
        });
        if let Some((_, known)) = known {
            known.until = known.until.max(span.until);
            continue;
        }
        // Nobody served: what was served last is what clients were told.
        if let Some(last) = spans.iter_mut().max_by_key(|known| known.until) {
            last.until = last.until.max(span.from);
        }
        spans.push(span);
    }
    if let Some(first) = spans.first_mut() {
        first.from = 0;
    }
    if let Some(last) = spans.iter_mut().max_by_key(|known| known.until) {
        last.until = u64::MAX;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = u64::MAX;

    fn of(served: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
        let span = |(ring, from, until): &(&str, u64, u64)| Span {
            ring: (*ring).to_owned(),
            from: *from,
            until: *until,
        };
        let spans = in_force(served.iter().map(span).collect());
        spans.into_iter().map(|span| (span.ring, span.from, span.until)).collect()
    }

    fn is(served: &[(&str, u64, u64)], expected: &[(&str, u64, u64)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(ring, from, until)| ((*ring).to_owned(), *from, *until))
            .collect();
        assert_eq!(of(served), expected, "{served:?}");
    }

    #[test]
    fn routers_of_one_ring_are_one_span() {
        is(&[], &[]);
        is(&[("a", 5, END)], &[("a", 0, END)]);
        is(&[("a", 5, 7), ("a", 6, END), ("a", 9, END)], &[("a", 0, END)]);
        // A restart of the only one.
        is(&[("a", 5, 7), ("a", 9, END)], &[("a", 0, END)]);
        // Of all that are there, none runs now.
        is(&[("a", 5, 7), ("a", 6, 8)], &[("a", 0, END)]);
    }

    #[test]
    fn a_change_takes_as_long_as_both_are_served() {
        let served = [("a", 5, 20), ("a", 6, 24), ("b", 21, END), ("b", 25, END)];
        is(&served, &[("a", 0, 24), ("b", 21, END)]);
        // All stop before the first starts with the new one.
        is(&[("a", 5, 20), ("a", 6, 22), ("b", 30, END)], &[("a", 0, 30), ("b", 30, END)]);
        // One is behind, and restarts with the old ring.
        let served = [("a", 5, 20), ("a", 6, 30), ("b", 21, END), ("a", 22, 40), ("b", 41, END)];
        is(&served, &[("a", 0, 40), ("b", 21, END)]);
    }

    #[test]
    fn a_change_back_is_a_span_of_its_own() {
        let served = [("a", 5, 20), ("b", 21, 30), ("a", 33, END)];
        is(&served, &[("a", 0, 21), ("b", 21, 33), ("a", 33, END)]);
    }
}
