-- SHA-256 (FIPS 180-4) where PostgreSQL has none of its own, before version 11. It is slow, and asked only for rows without
-- `_vnode`.
CREATE FUNCTION reshard.sha256(message bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $sha256$
DECLARE
    -- The first 32 bits of the fractional parts of the cube roots of the first 64 primes, then of the square roots of the first 8.
    k bigint[] := ARRAY[
        1116352408, 1899447441, 3049323471, 3921009573, 961987163, 1508970993, 2453635748, 2870763221,
        3624381080, 310598401, 607225278, 1426881987, 1925078388, 2162078206, 2614888103, 3248222580,
        3835390401, 4022224774, 264347078, 604807628, 770255983, 1249150122, 1555081692, 1996064986,
        2554220882, 2821834349, 2952996808, 3210313671, 3336571891, 3584528711, 113926993, 338241895,
        666307205, 773529912, 1294757372, 1396182291, 1695183700, 1986661051, 2177026350, 2456956037,
        2730485921, 2820302411, 3259730800, 3345764771, 3516065817, 3600352804, 4094571909, 275423344,
        430227734, 506948616, 659060556, 883997877, 958139571, 1322822218, 1537002063, 1747873779,
        1955562222, 2024104815, 2227730452, 2361852424, 2428436474, 2756734187, 3204031479, 3329325298];
    h bigint[] := ARRAY[
        1779033703, 3144134277, 1013904242, 2773480762, 1359893119, 2600822924, 528734635, 1541459225];
    mask CONSTANT bigint := 4294967295;
    bits CONSTANT bigint := pg_catalog.length(message)::bigint * 8;
    padded bytea := message || '\x80'::bytea;
    w bigint[];
    v bigint[];
    x bigint;
    one bigint;
    two bigint;
    result text := '';
BEGIN
    padded := padded || pg_catalog.decode(
        pg_catalog.repeat('00', (120 - pg_catalog.length(padded) % 64) % 64), 'hex')
        || pg_catalog.decode(pg_catalog.lpad(pg_catalog.to_hex(bits), 16, '0'), 'hex');
    FOR block IN 0..pg_catalog.length(padded) / 64 - 1 LOOP
        FOR t IN 1..16 LOOP
            x := block * 64 + (t - 1) * 4;
            w[t] := (pg_catalog.get_byte(padded, x::integer)::bigint << 24)
                | (pg_catalog.get_byte(padded, x::integer + 1) << 16)
                | (pg_catalog.get_byte(padded, x::integer + 2) << 8)
                | pg_catalog.get_byte(padded, x::integer + 3);
        END LOOP;
        FOR t IN 17..64 LOOP
            x := w[t - 15];
            one := ((x >> 7) | (x << 25)) # ((x >> 18) | (x << 14)) # (x >> 3);
            x := w[t - 2];
            two := ((x >> 17) | (x << 15)) # ((x >> 19) | (x << 13)) # (x >> 10);
            w[t] := (w[t - 16] + (one & mask) + w[t - 7] + (two & mask)) & mask;
        END LOOP;
        v := h;
        FOR t IN 1..64 LOOP
            x := v[5];
            one := (v[8] + ((((x >> 6) | (x << 26)) # ((x >> 11) | (x << 21)) # ((x >> 25) | (x << 7))) & mask)
                + ((x & v[6]) # ((~x & mask) & v[7])) + k[t] + w[t]) & mask;
            x := v[1];
            two := (((((x >> 2) | (x << 30)) # ((x >> 13) | (x << 19)) # ((x >> 22) | (x << 10))) & mask)
                + ((x & v[2]) # (x & v[3]) # (v[2] & v[3]))) & mask;
            v := ARRAY[(one + two) & mask, v[1], v[2], v[3], (v[4] + one) & mask, v[5], v[6], v[7]];
        END LOOP;
        FOR i IN 1..8 LOOP
            h[i] := (h[i] + v[i]) & mask;
        END LOOP;
    END LOOP;
    FOR i IN 1..8 LOOP
        result := result || pg_catalog.lpad(pg_catalog.to_hex(h[i]), 8, '0');
    END LOOP;
    RETURN pg_catalog.decode(result, 'hex');
END
$sha256$;
