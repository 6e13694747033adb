# Tells of each SMF instance of Moray in a zone: its name, its state, and the port of its kang ("-": it has none).
# shellcheck shell=bash disable=SC2168
local listed state fmri kang
# Without -a, what is disabled is not listed.
listed=$(svcs -a -H -o state,fmri) || return 1
while read -r state fmri; do
    [[ $fmri == svc:/smartdc/application/moray:* ]] || continue
    kang=$(svcprop -p moray/kang "$fmri" 2>/dev/null) || kang=-
    printf 'moray %s %s %s\n' "${fmri##*:}" "$state" "${kang:--}"
done <<<"$listed"
