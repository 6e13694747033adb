# Has a peer call itself by its new shard's name: the operators' shells, and the name that it registers.
#   shard: the new shard's name
#   left: the file that told that the sitter had left its old shard; it goes
# shellcheck shell=bash disable=SC2154
bashrc=/root/.bashrc
registrar=/opt/smartdc/registrar/etc/config.json
if [[ -f $bashrc ]] && ! grep -qE "^export SHARD='?$shard'?\$" "$bashrc"; then
    sed "s/^export SHARD=.*/export SHARD='$shard'/" "$bashrc" >"$bashrc.reshard" || return
    # The file keeps its owner and mode.
    cat "$bashrc.reshard" >"$bashrc" || return
    rm -f "$bashrc.reshard"
fi
for ((try = 0; try < 300; try++)); do
    [[ $(json -f "$registrar" registration.domain) == "$shard" ]] && break
    if ((try % 100 == 0)); then
        svcadm restart config-agent || return
    fi
    sleep 0.1
done
if [[ $(json -f "$registrar" registration.domain) != "$shard" ]]; then
    echo "config-agent does not render $shard into $registrar" >&2
    return 1
fi
svcadm restart registrar || return
rm -f "$left" && { rmdir "${left%/*}" 2>/dev/null || true; }
