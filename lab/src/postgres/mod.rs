//! PostgreSQL servers: making, configuring, starting and stopping them.
