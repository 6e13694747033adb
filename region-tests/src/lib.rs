//! The steps of a cutover as its executor traces them, for tests that have something happen at one of them.

use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Calls this at the beginning of every step of every cutover of this process, with the step's name. The step waits for it.
///
/// # Errors
///
/// This process has a subscriber of traces already.
pub fn at_every_step(
    call: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(Steps(Box::new(call)))
}

struct Steps(Box<dyn Fn(&str) + Send + Sync>);

impl Visit for &Steps {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "step" {
            (self.0)(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Steps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.fields().field("step").is_some()
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
