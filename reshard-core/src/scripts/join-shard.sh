# Renders the configuration of a peer anew until it names the peer's new shard.
#   shard_path: the shardPath that the sitter is to have
#   alone: true if it is to run in one-node-write mode, else false
#   start: not empty if the sitter is to be started then
# shellcheck shell=bash disable=SC2154
config=/opt/smartdc/manatee/etc/sitter.json
is_rendered() {
    [[ $(json -f "$config" shardPath) == "$shard_path" ]] || return
    # Images that know no one-node-write mode say nothing of it.
    [[ $(json -f "$config" oneNodeWriteMode) == "$alone" ]] ||
        [[ $alone == false && -z $(json -f "$config" oneNodeWriteMode) ]]
}
for ((try = 0; try < 300; try++)); do
    is_rendered && break
    # SAPI may have been away when config-agent asked.
    if ((try % 100 == 0)); then
        svcadm restart config-agent || return
    fi
    sleep 0.1
done
if ! is_rendered; then
    echo "config-agent does not render $shard_path into $config" >&2
    return 1
fi
if [[ -n $start ]]; then
    svcadm enable manatee-sitter
fi
