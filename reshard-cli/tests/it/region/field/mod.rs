//! Cases from the field, each of which once went wrong: see `docs/field.md`.

mod rows;
mod stale_plan_copy;
