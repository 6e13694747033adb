-- The tables of the guard, all in a schema of their own that nobody but superusers can look into. Nothing here is made LIKE a
-- bucket, nothing is in `public`, and no schema is called `moray` (rule R20).

CREATE SCHEMA reshard;
REVOKE ALL ON SCHEMA reshard FROM PUBLIC;

-- One row: what every write of a moving vnode reads beside its move.
CREATE TABLE reshard.guard (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- The version of this schema.
    version integer NOT NULL,
    -- The kill switch (rule R20): where it is false, every write passes, and none is logged.
    enabled boolean NOT NULL DEFAULT true,
    -- The partition of the log that is written to (rule R6).
    partition smallint NOT NULL DEFAULT 0 CHECK (partition BETWEEN 0 AND 2),
    -- The hashing of keys, for rows without `_vnode` (rule R17).
    algorithm text NOT NULL,
    hash_interval numeric NOT NULL,
    vnode_count bigint NOT NULL
);

-- The moves of this shard, as their source or as their target. A move's set of vnodes never changes (rule R3).
CREATE TABLE reshard.move (
    move integer PRIMARY KEY,
    plan uuid NOT NULL,
    -- `open` lets writes pass; `fenced` refuses them until `until` is over; `sealed`, `moved`, `closed` and `aborted` refuse
    -- them. A source goes open, fenced, sealed, moved; a target closed, open, or closed, aborted.
    state text NOT NULL CHECK (state IN ('open', 'fenced', 'sealed', 'moved', 'closed', 'aborted')),
    until timestamptz CHECK ((until IS NOT NULL) = (state = 'fenced')),
    -- True if what passes is logged.
    captured boolean NOT NULL,
    -- False once the kill switch was off: writes have passed meanwhile of which nobody knows, so the move cannot end well.
    intact boolean NOT NULL DEFAULT true,
    -- The last change of `buckets_config` before it was armed.
    bucket_change bigint NOT NULL DEFAULT 0,
    -- The lease under which the state was last changed.
    epoch bigint NOT NULL
);

CREATE TABLE reshard.moving (
    vnode bigint PRIMARY KEY,
    move integer NOT NULL REFERENCES reshard.move ON DELETE CASCADE
);
CREATE INDEX ON reshard.moving (move);

-- The right to act for a plan (rule R8).
CREATE TABLE reshard.lease (
    plan uuid PRIMARY KEY,
    epoch bigint NOT NULL
);

-- The buckets that are guarded, with their columns as they were when the move was armed (rule R18).
CREATE TABLE reshard.guarded (
    move integer NOT NULL REFERENCES reshard.move ON DELETE CASCADE,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    columns text[] NOT NULL,
    PRIMARY KEY (move, table_schema, table_name)
);

-- Changes of `buckets_config` (rule R18).
CREATE TABLE reshard.bucket_change (
    change bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    operation text NOT NULL,
    bucket text
);

-- The log: append-only, never deduplicated, deleted by entry (rule R5). Three tables used in turn, so that a drained one can be
-- truncated (rule R6).
CREATE SEQUENCE reshard.entry;
CREATE TABLE reshard.log_0 (
    entry bigint PRIMARY KEY DEFAULT nextval('reshard.entry'),
    move integer NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    vnode bigint,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE reshard.log_1 (LIKE reshard.log_0 INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE TABLE reshard.log_2 (LIKE reshard.log_0 INCLUDING DEFAULTS INCLUDING INDEXES);
CREATE VIEW reshard.log AS
    SELECT 0 AS partition, entry, move, bucket, key, vnode, at FROM reshard.log_0
    UNION ALL SELECT 1, entry, move, bucket, key, vnode, at FROM reshard.log_1
    UNION ALL SELECT 2, entry, move, bucket, key, vnode, at FROM reshard.log_2;

-- At the target: how far each bucket is copied, if rows are copied at all (rule R9). It is moved in the transaction that puts
-- the rows. An entry of the log is replayed once its key is not beyond `last_key`, or all is done.
CREATE TABLE reshard.copy (
    move integer NOT NULL REFERENCES reshard.move ON DELETE CASCADE,
    bucket text NOT NULL,
    last_key text,
    is_done boolean NOT NULL DEFAULT false,
    copied bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (move, bucket)
);
