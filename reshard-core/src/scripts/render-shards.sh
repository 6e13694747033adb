# Has config-agent ask SAPI at once, and waits until the configuration has the shards.
#   $shards     their names
#   $patience   how many seconds that may take
# Prints what describe of router-common.sh prints.
config=/opt/smartdc/electric-moray/etc/config.json
missing() {
    local listed shard
    listed=" $(json -f "$config" ringCfg.indexShards | json -a host | tr '\n' ' ') "
    for shard in $shards; do
        [[ $listed == *" $shard "* ]] || echo "$shard"
    done
}

if [[ -n $(missing) ]]; then
    svcadm restart config-agent || return
    deadline=$((SECONDS + patience))
    while [[ -n $(missing) ]]; do
        if ((SECONDS >= deadline)); then
            echo "config-agent has not written $(missing | tr '\n' ' ')into $config within $patience s" >&2
            return 1
        fi
        sleep 0.1
    done
fi
read_instances || return
describe
