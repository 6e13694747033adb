# Starts the sitter of a peer that has left its old shard.
#   shard_path: the shardPath that its configuration must name
#   left: the file that tells that it has left
# shellcheck shell=bash disable=SC2154
found=$(json -f /opt/smartdc/manatee/etc/sitter.json shardPath) || return
if [[ $found != "$shard_path" || ! -e $left ]]; then
    echo "it has not left its old shard: its configuration names $found" >&2
    return 1
fi
svcadm enable manatee-sitter
