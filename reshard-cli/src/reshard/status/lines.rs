//! The parts of the screen, and those of them that a terminal has room for.

/// The lines of a plan's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// The state of writes and of the plan, its executor, its trouble.
    pub(super) standing: Vec<String>,
    /// The times for which writes were refused before, and the other copies of the file.
    pub(super) details: Vec<String>,
    /// The phases.
    pub(super) phases: Vec<String>,
    /// The commands that can be given next.
    pub(super) commands: Vec<String>,
}

impl Lines {
    /// All of them.
    pub(super) fn all(self) -> Vec<String> {
        [self.standing, self.details, self.phases, self.commands].concat()
    }

    /// As many as this, with one in place of those that are left out: of the phases first, then of what stands above them, from its
    /// end on. What can be done is left out last.
    pub(super) fn fitting(mut self, height: usize) -> Vec<String> {
        let count =
            self.standing.len() + self.details.len() + self.phases.len() + self.commands.len();
        let mut too_many = (count + 1).saturating_sub(height);
        if too_many <= 1 {
            return self.all();
        }
        let left_out = too_many;
        for part in [&mut self.phases, &mut self.details, &mut self.standing, &mut self.commands] {
            let kept = part.len().saturating_sub(too_many);
            too_many -= part.len() - kept;
            part.truncate(kept);
        }
        self.phases.push(format!("… {left_out} lines are not shown: the terminal is too low"));
        self.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(name: &str, count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("{name}{number}")).collect()
    }

    fn fitting(height: usize) -> Vec<String> {
        let (standing, details) = (numbered("s", 2), numbered("d", 1));
        let (phases, commands) = (numbered("p", 4), numbered("c", 2));
        Lines { standing, details, phases, commands }.fitting(height)
    }

    #[test]
    fn the_phases_are_left_out_first_and_what_can_be_done_last() {
        let said = |left_out| format!("… {left_out} lines are not shown: the terminal is too low");
        assert_eq!(fitting(9).len(), 9);
        assert_eq!(fitting(8), ["s1", "s2", "d1", "p1", "p2", &said(2), "c1", "c2"]);
        assert_eq!(fitting(6), ["s1", "s2", "d1", &said(4), "c1", "c2"]);
        assert_eq!(fitting(5), ["s1", "s2", &said(5), "c1", "c2"]);
        assert_eq!(fitting(2), [said(8), "c1".to_owned()]);
        for height in 1..12 {
            assert_eq!(fitting(height).len(), height.min(9), "{height}");
        }
    }
}
