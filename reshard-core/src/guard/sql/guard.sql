-- The guard (rules R1, R2, R17, R21): triggers on every sharded bucket. VOLATILE, so that each statement below sees what was
-- committed before it; SECURITY DEFINER, because the role `moray` may not look into this schema.

-- Lets a write of a move pass, or refuses it. The lock and the look at the state are two statements: in one, the state would be
-- that of before the wait for the lock, and a write would slip past a fence.
CREATE FUNCTION reshard.pass(
    the_move integer, the_bucket text, the_key text, the_vnode bigint, is_foundling boolean
) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $pass$
DECLARE
    found_state text;
    found_until timestamptz;
    found_plan uuid;
    is_captured boolean;
    is_enabled boolean;
    to_partition smallint;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(1919251304, the_move);
    SELECT move.state, move.until, move.plan, move.captured, guard.enabled, guard.partition
        INTO found_state, found_until, found_plan, is_captured, is_enabled, to_partition
        FROM reshard.move CROSS JOIN reshard.guard WHERE move.move = the_move;
    IF NOT FOUND OR NOT is_enabled THEN
        RETURN;
    END IF;
    -- Past its time a fence lets everything through, by the clock of this server: an executor that is gone refuses nobody.
    IF found_state <> 'open' AND (found_state <> 'fenced' OR pg_catalog.clock_timestamp() < found_until) THEN
        IF is_foundling THEN
            RAISE EXCEPTION USING ERRCODE = 'RS003', MESSAGE = pg_catalog.format(
                'RS003 a row of %s without a vnode cannot be written while vnodes move to another shard (plan %s, %s); try again',
                the_bucket, found_plan, found_state);
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'RS001', MESSAGE = pg_catalog.format(
            'RS001 vnode %s moves to another shard (plan %s, %s); try again', the_vnode, found_plan, found_state);
    END IF;
    IF is_captured THEN
        IF to_partition = 0 THEN
            INSERT INTO reshard.log_0 (move, bucket, key, vnode) VALUES (the_move, the_bucket, the_key, the_vnode);
        ELSIF to_partition = 1 THEN
            INSERT INTO reshard.log_1 (move, bucket, key, vnode) VALUES (the_move, the_bucket, the_key, the_vnode);
        ELSE
            INSERT INTO reshard.log_2 (move, bucket, key, vnode) VALUES (the_move, the_bucket, the_key, the_vnode);
        END IF;
    END IF;
END
$pass$;

CREATE FUNCTION reshard.check_row() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $check_row$
DECLARE
    old_vnode bigint;
    new_vnode bigint;
    old_move integer;
    new_move integer;
    any_move integer;
BEGIN
    -- First of all: a snapshot that is older than the fence does not see it.
    IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'RS002', MESSAGE = pg_catalog.format(
            'RS002 rows of %s can only be written in READ COMMITTED while vnodes move, not in %s',
            TG_TABLE_NAME, pg_catalog.upper(pg_catalog.current_setting('transaction_isolation')));
    END IF;
    IF TG_OP <> 'INSERT' THEN
        old_vnode := OLD._vnode;
        IF old_vnode IS NULL THEN
            old_vnode := reshard.vnode_of_key(TG_TABLE_NAME, OLD._key);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_vnode := NEW._vnode;
        IF new_vnode IS NULL THEN
            -- As batches leave it. It is by its key from now on, whatever vnode it had: some rows have another than their keys say.
            IF TG_OP = 'UPDATE' AND OLD._vnode IS NULL AND OLD._key = NEW._key THEN
                new_vnode := old_vnode;
            ELSE
                new_vnode := reshard.vnode_of_key(TG_TABLE_NAME, NEW._key);
            END IF;
        END IF;
    END IF;
    -- Where nobody can tell, it is a row of every move.
    IF (TG_OP <> 'INSERT' AND old_vnode IS NULL) OR (TG_OP <> 'DELETE' AND new_vnode IS NULL) THEN
        FOR any_move IN SELECT move.move FROM reshard.move ORDER BY 1 LOOP
            IF TG_OP <> 'INSERT' THEN
                PERFORM reshard.pass(any_move, TG_TABLE_NAME, OLD._key, NULL, true);
            END IF;
            IF TG_OP <> 'DELETE' AND (TG_OP = 'INSERT' OR NEW._key <> OLD._key) THEN
                PERFORM reshard.pass(any_move, TG_TABLE_NAME, NEW._key, NULL, true);
            END IF;
        END LOOP;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        SELECT moving.move INTO old_move FROM reshard.moving WHERE moving.vnode = old_vnode;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        IF new_vnode = old_vnode THEN
            new_move := old_move;
        ELSE
            SELECT moving.move INTO new_move FROM reshard.moving WHERE moving.vnode = new_vnode;
        END IF;
    END IF;
    -- In ascending order, as everybody who locks two of them.
    IF old_move IS NOT NULL AND (new_move IS NULL OR old_move <= new_move) THEN
        PERFORM reshard.pass(old_move, TG_TABLE_NAME, OLD._key, old_vnode, false);
    END IF;
    IF new_move IS NOT NULL AND (old_move IS DISTINCT FROM new_move OR NEW._key <> OLD._key) THEN
        PERFORM reshard.pass(new_move, TG_TABLE_NAME, NEW._key, new_vnode, false);
    END IF;
    IF old_move > new_move THEN
        PERFORM reshard.pass(old_move, TG_TABLE_NAME, OLD._key, old_vnode, false);
    END IF;
    RETURN NULL;
END
$check_row$;

-- Refuses TRUNCATE, which no row trigger sees (rule R2).
CREATE FUNCTION reshard.check_truncate() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $check_truncate$
BEGIN
    IF EXISTS (SELECT 1 FROM reshard.guard WHERE enabled) AND EXISTS (SELECT 1 FROM reshard.move) THEN
        RAISE EXCEPTION USING ERRCODE = 'RS004', MESSAGE = pg_catalog.format(
            'RS004 %s cannot be truncated while vnodes move to another shard', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$check_truncate$;

-- Notes that buckets were made, changed or removed (rule R18).
CREATE FUNCTION reshard.note_bucket() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $note_bucket$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO reshard.bucket_change (operation, bucket) VALUES (TG_OP, OLD.name);
    ELSE
        INSERT INTO reshard.bucket_change (operation, bucket) VALUES (TG_OP, NEW.name);
    END IF;
    RETURN NULL;
END
$note_bucket$;

-- Remembers that the kill switch was off (rule R20): turning it on again does not tell what passed meanwhile.
CREATE FUNCTION reshard.lose_track() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $lose_track$
BEGIN
    UPDATE reshard.move SET intact = false;
    RETURN NULL;
END
$lose_track$;
CREATE TRIGGER lose_track AFTER UPDATE ON reshard.guard
    FOR EACH ROW WHEN (NOT NEW.enabled) EXECUTE PROCEDURE reshard.lose_track();

-- Trigger functions may be run by whoever writes; to call one apart from its trigger is refused by PostgreSQL.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA reshard FROM PUBLIC;
