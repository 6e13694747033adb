# Stops the sitter of a peer, and PostgreSQL with it.
#   spared: the shardPath of a peer that is left alone; empty for none
# shellcheck shell=bash disable=SC2154
config=/opt/smartdc/manatee/etc/sitter.json
if [[ -n $spared && $(json -f "$config" shardPath) == "$spared" ]]; then
    echo "in $spared already"
    return 0
fi
svcadm disable -s manatee-sitter || return
state=$(svcs -H -o state manatee-sitter) || return
if [[ $state != disabled ]]; then
    echo "manatee-sitter is $state and not disabled" >&2
    return 1
fi
