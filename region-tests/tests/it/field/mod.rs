//! Cases from the field, each of which once went wrong: see `docs/field.md`.

mod preflight;
mod rows;
mod stale_plan_copy;
mod watchdog;
mod words;
