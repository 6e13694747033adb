//! VMAPI and its jobs.
