//! Values of the library, with the hints in them worded as this program has them: before they are shown or printed as JSON.

use reshard_core::plans::PlanOverview;
use reshard_core::{Entry, Epoch, Hint, Outcome, PlanState, Report, preflight};

use super::remedy::worded;
use super::runnable::Runnable;

/// A value that may have hints in it.
pub(super) trait InWords: Sized {
    /// Makes text of its hints. Commands about the plan name its file, given as it is typed, if it is known.
    fn put_in_words(&mut self, file: Option<&str>);

    /// The value with its hints as text.
    fn in_words(mut self, file: Option<&str>) -> Self {
        self.put_in_words(file);
        self
    }
}

impl InWords for Hint {
    fn put_in_words(&mut self, file: Option<&str>) {
        *self = worded(self, file).into();
    }
}

impl InWords for PlanState {
    fn put_in_words(&mut self, file: Option<&str>) {
        if let Self::Held { remedy, .. } = self {
            remedy.put_in_words(file);
        }
    }
}

impl InWords for Outcome {
    fn put_in_words(&mut self, file: Option<&str>) {
        if let Self::Held { remedy, .. } = self {
            remedy.put_in_words(file);
        }
    }
}

impl InWords for Entry {
    fn put_in_words(&mut self, file: Option<&str>) {
        self.text.put_in_words(file);
    }
}

impl InWords for Report {
    fn put_in_words(&mut self, file: Option<&str>) {
        self.state.put_in_words(file);
        for entry in self.holds.iter_mut().chain(&mut self.notes) {
            entry.put_in_words(file);
        }
    }
}

impl InWords for preflight::Report {
    fn put_in_words(&mut self, file: Option<&str>) {
        for check in &mut self.checks {
            check.remedy.put_in_words(file);
        }
    }
}

/// It knows the plan's file itself.
impl InWords for Epoch {
    fn put_in_words(&mut self, _: Option<&str>) {
        let runnable = Runnable::new(self.file.as_ref(), None);
        self.state.put_in_words(Some(runnable.file()));
    }
}

impl InWords for PlanOverview {
    fn put_in_words(&mut self, file: Option<&str>) {
        if let Some(epoch) = &mut self.epoch {
            epoch.put_in_words(file);
        }
    }
}
