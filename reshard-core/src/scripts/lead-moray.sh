# Has Moray follow another path in ZooKeeper than its shard's own. config-agent is disabled, also after a reboot, or it would
# write the regular configuration again.
#   path: the path
# shellcheck shell=bash disable=SC2154,SC2168
local config=/opt/smartdc/moray/etc/config.json listed fmri
svcadm disable -s config-agent || return
if [[ $(json -f "$config" manatee.manatee.path) != "$path" ]]; then
    # The shard's own path, or a switch's, is the only "path" in it that begins like that.
    sed -E "s#(\"path\": *\")/(manatee|manta_reshard)/[^\"]*#\\1$path#" "$config" >"$config.reshard" || return
    if [[ $(json -f "$config.reshard" manatee.manatee.path) != "$path" ]]; then
        rm -f "$config.reshard"
        echo "the path of ZooKeeper cannot be changed in $config: it has no \"path\" of a shard" >&2
        return 1
    fi
    mv "$config.reshard" "$config" || return
fi
listed=$(svcs -a -H -o fmri) || return
while read -r fmri; do
    [[ $fmri == svc:/smartdc/application/moray:* ]] || continue
    svcadm restart "$fmri" || return
done <<<"$listed"
