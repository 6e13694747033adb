//! The router: finds the shard of a key by the ring, and passes requests on.
