# Has a peer leave its shard for another, which SAPI says already: its sitter stops while its configuration is rendered.
#   shard_path: the shardPath that the sitter is to have
#   alone: true if it is to run in one-node-write mode, else false
#   start: not empty if the sitter is to be started then
#   left: a file that tells, once it is there, that the sitter has left its old shard
# shellcheck shell=bash disable=SC2154
own_directory || return
config=/opt/smartdc/manatee/etc/sitter.json
is_rendered() {
    [[ $(json -f "$config" shardPath) == "$shard_path" ]] || return
    # Images that know no one-node-write mode say nothing of it.
    [[ $(json -f "$config" oneNodeWriteMode) == "$alone" ]] ||
        [[ $alone == false && -z $(json -f "$config" oneNodeWriteMode) ]]
}
has_left() {
    [[ -e $left ]] && return
    [[ $(svcs -H -o state manatee-sitter) == disabled ]] && touch "$left"
}
if [[ ! -e $left ]]; then
    svcadm disable manatee-sitter || return
fi
rendered=
for ((try = 0; try < 600; try++)); do
    if [[ -z $rendered ]] && is_rendered; then
        rendered=yes
    fi
    if [[ -n $rendered ]] && has_left; then
        break
    fi
    # SAPI may have been away when config-agent asked.
    if [[ -z $rendered ]] && ((try % 100 == 0)); then
        svcadm restart config-agent || return
    fi
    sleep 0.1
done
if [[ -z $rendered ]]; then
    echo "config-agent does not render $shard_path into $config" >&2
    return 1
fi
if ! has_left; then
    echo "manatee-sitter does not stop" >&2
    return 1
fi
if [[ -n $start ]]; then
    svcadm enable manatee-sitter
fi
