# Gives Moray its regular configuration: config-agent renders it, and Moray is restarted.
#   path: the path in ZooKeeper that the configuration then has
# shellcheck shell=bash disable=SC2154,SC2168
local config=/opt/smartdc/moray/etc/config.json listed fmri try
if [[ $(json -f "$config" manatee.manatee.path) != "$path" || $(svcs -H -o state config-agent) != online ]]; then
    svcadm enable config-agent || return
fi
for ((try = 0; try < 600; try++)); do
    [[ $(json -f "$config" manatee.manatee.path) == "$path" ]] && break
    # SAPI may have been away when config-agent asked.
    if ((try % 100 == 99)); then
        svcadm restart config-agent || return
    fi
    sleep 0.1
done
if [[ $(json -f "$config" manatee.manatee.path) != "$path" ]]; then
    echo "config-agent does not render $path into $config" >&2
    return 1
fi
listed=$(svcs -a -H -o fmri) || return
while read -r fmri; do
    [[ $fmri == svc:/smartdc/application/moray:* ]] || continue
    svcadm restart "$fmri" || return
done <<<"$listed"
