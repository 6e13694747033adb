//! A sign of life on a terminal while something takes long.

use std::time::Duration;

pub(crate) use command_line::spinner::spinner;
use fash::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Runs `work` with a spinner and the elapsed time on standard error; silent unless that is a terminal.
pub(crate) fn while_working<T>(what: String, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(what);
    show(&spinner, "{spinner} {msg} {elapsed}", work)
}

/// Runs `work`, which tells how far it is, with a bar on standard error; silent unless that is a terminal.
pub(crate) fn with_bar<T>(what: String, work: impl FnOnce(&mut dyn FnMut(Progress)) -> T) -> T {
    let bar = ProgressBar::new(0).with_message(what);
    show(&bar, "{msg} {wide_bar} {percent}% {elapsed}", || {
        work(&mut |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        })
    })
}

fn show<T>(bar: &ProgressBar, template: &str, work: impl FnOnce() -> T) -> T {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let done = work();
    bar.finish_and_clear();
    done
}
