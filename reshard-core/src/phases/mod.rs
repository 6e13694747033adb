//! The phases of a plan: one file each, in the order of this table.

use std::sync::Arc;

use crate::phase::Phase;

/// The runbook of RFD 103, automated as written.
pub fn rfd103() -> Vec<Arc<dyn Phase>> {
    vec![]
}
