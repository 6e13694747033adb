-- The vnode that a key hashes to, as electric-moray computes it (rule R17). The same as `KeyHash::vnode_of_key`. NULL where
-- nobody can tell: the ring hashes by another algorithm than SHA-256, or the hash lies beyond the last vnode.

CREATE FUNCTION reshard.directory(key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $directory$
DECLARE
    entry text := pg_catalog.rtrim(key, '/');
    slash integer;
BEGIN
    IF key ~ '^/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/stor$' THEN
        RETURN key;
    END IF;
    IF entry = '' THEN
        RETURN CASE key WHEN '' THEN '' ELSE '/' END;
    END IF;
    -- The place of the last slash, 0 where there is none.
    slash := pg_catalog.strpos(pg_catalog.reverse(entry), '/');
    IF slash = 0 THEN
        RETURN key;
    END IF;
    slash := pg_catalog.length(entry) - slash + 1;
    IF slash = 1 THEN
        RETURN '/';
    ELSIF slash = 2 AND pg_catalog.left(entry, 2) = '//' THEN
        RETURN '//';
    ELSIF pg_catalog.left(entry, slash - 1) = '.' THEN
        RETURN key;
    END IF;
    RETURN pg_catalog.left(entry, slash - 1);
END
$directory$;

CREATE FUNCTION reshard.hashed_part(bucket text, key text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $hashed_part$
    SELECT CASE
        WHEN bucket IN ('manta', 'testmanta') THEN reshard.directory(key)
        WHEN bucket = 'manta_uploads' AND pg_catalog.strpos(key, ':') > 0
            THEN reshard.directory(pg_catalog.substr(key, pg_catalog.strpos(key, ':') + 1))
        ELSE key
    END
$hashed_part$;

-- The number that up to 64 hexadecimal digits stand for.
CREATE FUNCTION reshard.number(digits text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $number$
DECLARE
    number numeric := 0;
BEGIN
    digits := pg_catalog.lpad(digits, 64, '0');
    FOR place IN 0..7 LOOP
        number := number * 4294967296
            + ('x' || pg_catalog.substr(digits, place * 8 + 1, 8))::bit(32)::bigint;
    END LOOP;
    RETURN number;
END
$number$;

CREATE FUNCTION reshard.vnode_of_key(bucket text, key text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $vnode_of_key$
DECLARE
    width numeric;
    vnodes bigint;
    vnode numeric;
BEGIN
    SELECT guard.hash_interval, guard.vnode_count INTO width, vnodes FROM reshard.guard
        WHERE guard.algorithm = 'sha256';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    vnode := pg_catalog.div(reshard.number(pg_catalog.encode(reshard.sha256(
        pg_catalog.convert_to(reshard.hashed_part(bucket, key), 'UTF8')), 'hex')), width);
    IF vnode < vnodes THEN
        RETURN vnode;
    END IF;
    RETURN NULL;
END
$vnode_of_key$;
