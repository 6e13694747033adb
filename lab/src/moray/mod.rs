//! Moray: a shard's key-value store over PostgreSQL, and the schema of its buckets.
