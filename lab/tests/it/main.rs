//! The lab's processes, as they run in a lab.

mod sitter;
