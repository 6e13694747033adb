//! A sign of life on a terminal while something takes long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Runs `work` with a spinner and the elapsed time on standard error; silent unless that is a terminal.
pub(crate) fn while_working<T>(what: String, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(200));
    let done = work();
    spinner.finish_and_clear();
    done
}
