//! The process that follows a shard's cluster state, and keeps PostgreSQL in the role that the state gives to it.

mod machine;
mod state;
