//! Stand-ins for the commands that zones have.
