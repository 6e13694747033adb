//! The lab's parts against real servers.

mod router;
mod servers;
