# Has config-agent ask SAPI at once, and waits until the configuration has the shards, or has none of them.
#   $shards     their names
#   $listed     `yes` if it shall have them
#   $patience   how many seconds that may take
# Prints what describe of router-common.sh prints.
config=/opt/smartdc/electric-moray/etc/config.json
wrong() {
    local has shard is
    has=" $(json -f "$config" ringCfg.indexShards | json -a host | tr '\n' ' ') "
    for shard in $shards; do
        is=no
        [[ $has == *" $shard "* ]] && is=yes
        [[ $is == "$listed" ]] || echo "$shard"
    done
}

if [[ -n $(wrong) ]]; then
    svcadm restart config-agent || return
    deadline=$((SECONDS + patience))
    while [[ -n $(wrong) ]]; do
        if ((SECONDS >= deadline)); then
            echo "config-agent has not written $config anew within $patience s, where this is listed wrongly: $(wrong | tr '\n' ' ')" >&2
            return 1
        fi
        sleep 0.1
    done
fi
read_instances || return
describe
