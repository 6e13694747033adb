# Starts the sitter of a peer.
#   shard_path: the shardPath that its configuration must name
# shellcheck shell=bash disable=SC2154
found=$(json -f /opt/smartdc/manatee/etc/sitter.json shardPath) || return
if [[ $found != "$shard_path" ]]; then
    echo "its configuration names $found and not $shard_path" >&2
    return 1
fi
svcadm enable manatee-sitter
