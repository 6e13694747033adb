//! Cases from the field, each of which once went wrong.

mod stale_plan_copy;
