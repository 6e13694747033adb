# Tells about the electric-moray processes of a zone, behind newest-command.sh. First the clock, the state of config-agent, and
# what the plans' own directory is like (`foreign`, or what who_has_the_lock says); then one line for each SMF instance: its name, its
# state, its port, the port of its status, the directory of its ring, the image in the ring's stamp ("-": no stamp, "?": an unreadable
# one), and a checksum of the ring's tables ("-": none); and one line with what the process says of itself.
# shellcheck shell=bash disable=SC2154,SC2168
local listed state fmri instance port at ring stamp tables status
printf 'clock %s\n' "$(date +%s)"
printf 'agent %s\n' "$(svcs -H -o state svc:/smartdc/application/config-agent:default 2>/dev/null)"
if [[ ( -e $own || -L $own ) ]] && ! is_own; then
    echo 'lock foreign'
else
    echo "lock $(who_has_the_lock)"
fi
# Without -a, what is disabled is not listed.
listed=$(svcs -a -H -o state,fmri) || return 1
while read -r state fmri; do
    instance=${fmri##*:}
    [[ $fmri == svc:/smartdc/application/electric-moray:electric-moray-* ]] || continue
    port=$(svcprop -p electric-moray/port "$fmri") || return 1
    at=$(svcprop -p electric-moray/status "$fmri") || return 1
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
    printf 'instance %s %s %s %s %s %s %s\n' "$instance" "$state" "$port" "$at" "$ring" "$stamp" "$tables"
    status=$(curl --silent --show-error --fail --max-time 5 "http://$ip:$at/status" | tr '\n' ' ') || status=
    printf 'status %s %s\n' "$instance" "$status"
done <<<"$listed"
