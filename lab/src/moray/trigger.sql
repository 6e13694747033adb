-- Keeps, for every directory, the number of its entries in manta_directory_counts. Overwriting an object changes none.
CREATE OR REPLACE FUNCTION count_manta_directories_v3() RETURNS TRIGGER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE manta_directory_counts SET entries = entries + 1 WHERE _key = NEW.dirname;
        IF NOT FOUND THEN
            INSERT INTO manta_directory_counts AS counter (_key, _value, _etag, _vnode, entries)
                VALUES (NEW.dirname, '{}', '_trigger', NEW._vnode, 1)
                ON CONFLICT (_key) DO UPDATE SET entries = counter.entries + 1;
        END IF;
    ELSE
        DELETE FROM manta_directory_counts WHERE _key = OLD.dirname AND entries <= 1;
        IF NOT FOUND THEN
            UPDATE manta_directory_counts SET entries = entries - 1 WHERE _key = OLD.dirname;
        END IF;
    END IF;
    RETURN NULL;
END;
$$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS count_directories ON manta;
CREATE TRIGGER count_directories AFTER INSERT OR DELETE ON manta
    FOR EACH ROW EXECUTE PROCEDURE count_manta_directories_v3();

ALTER FUNCTION count_manta_directories_v3() OWNER TO moray;
