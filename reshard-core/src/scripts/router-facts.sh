# Tells about the electric-moray processes of a zone. First the clock; then one line for each SMF instance: its name, its
# state, the port of its status, the directory of its ring, the image in the ring's stamp ("-": no stamp, "?": an unreadable
# one), and a checksum of the ring's tables ("-": none).
local listed state fmri instance port ring stamp tables
printf 'clock %s\n' "$(date +%s)"
listed=$(svcs -H -o state,fmri) || return 1
while read -r state fmri; do
    instance=${fmri##*:}
    [[ $fmri == svc:/smartdc/application/electric-moray:electric-moray-* ]] || continue
    port=$(svcprop -p electric-moray/status "$fmri") || return 1
    ring=$(svcprop -p electric-moray/ring-location "$fmri") || return 1
    stamp=-
    if [[ -e $ring/manta_hash_ring_stamp.json ]]; then
        stamp=$(json -f "$ring/manta_hash_ring_stamp.json" image_uuid) || stamp='?'
        [[ $stamp =~ ^[0-9a-f-]{36}$ ]] || stamp='?'
    fi
    # Tables are written once and never changed. What is not there (there are two kinds of names) is no trouble.
    tables=$(cd "$ring" && export LC_ALL=C && cat -- *.ldb *.sst 2>/dev/null | cksum)
    tables=${tables/ /:}
    [[ -n $tables && $tables != *:0 ]] || tables=-
    printf 'instance %s %s %s %s %s %s\n' "$instance" "$state" "$port" "$ring" "$stamp" "$tables"
done <<<"$listed"
