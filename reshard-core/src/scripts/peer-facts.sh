# Tells about a peer's zone: the clock, the free bytes of its dataset, SMF's states of the sitter and the backup server, and
# the shard in the sitter's configuration.
# shellcheck shell=bash disable=SC2168
local free service
printf 'clock %s\n' "$(date +%s)"
# Long names of file systems make lines break.
free=$(df -k /manatee/pg | sed 1d | tr '\n' ' ' | awk '{print $4}') || return 1
printf 'free %s\n' "$((free * 1024))"
for service in manatee-sitter manatee-backupserver; do
    printf '%s %s\n' "$service" "$(svcs -H -o state "svc:/manta/application/$service:default")"
done
printf 'shard-path %s\n' "$(json -f /opt/smartdc/manatee/etc/sitter.json shardPath)"
