# Puts another ring in place, one SMF instance after the other: each is stopped, the live ring put aside, the other one put
# in its place, and the instance started.
#   $want      the image whose ring is to be in place
#   $from      images whose rings may be in place now
#   $back      `yes` to go back: instances that do not run get their ring too
#   $shards    shards that the instance must have in its configuration as writable, or it is restarted
#   $ip        the zone's address
#   $patience  how many seconds an instance may take to answer after its start
# For each instance one line: its name, the port of its status, `already` or `flipped`, the image before, and its process
# and when that began as its status tells, or two dashes if it does not run.
status_of() {
    curl -s -f -m 5 "http://$ip:$1/status"
}

# What tells one process from the next.
process_of() {
    json -a pid start_time <<<"$1"
}

# Whether a process routes writes to all the shards.
routes() {
    local writable='' host flag shard
    while read -r host flag; do
        [[ $flag == true ]] || writable+=" $host "
    done < <(json index_shards <<<"$1" | json -a host readOnly)
    for shard in $shards; do
        [[ $writable == *" $shard "* ]] || return
    done
}

remedy="see \`svcs -x\` in the zone; \`svcadm clear\` or \`svcadm enable\` it, or remove the zone"

# Everything that can be known to be in the way, before anything is touched.
check() {
    local fmri=$1 name=${1##*:} ring=$2 live=$3 state=$4
    if [[ -e $ring.reshard-flip ]]; then
        [[ -n $live || -f $ring.reshard-$want/CURRENT ]] || exit 66
    elif [[ $state != online && $back != yes ]]; then
        refuse "$name is $state in the zone $(zonename)" "$remedy"
    fi
    [[ $live != "$want" ]] || return 0
    if [[ -n $live && " $from " != *" $live "* ]]; then
        refuse "the ring in $ring of the zone $(zonename) is of the image $live, and not of $want or one of: $from" \
            "find out who installed it; put the ring of ${from%% *} back and restart $name"
    fi
    [[ -f $ring.reshard-$want/CURRENT ]] || exit 66
    if [[ -n $live && -e $ring.reshard-$live ]]; then
        refuse "there is a $ring.reshard-$live in the zone $(zonename) already, though that ring is in place" \
            "find out what it is, and move it away"
    fi
}

flip() {
    local fmri=$1 name=${1##*:} ring=$2 live=$3 state=$4 status=$5
    local flip=$ring.reshard-flip answer before='' deadline verdict=flipped
    answer=$(status_of "$status") && before=$(process_of "$answer")
    if [[ $live == "$want" && ! -e $flip ]]; then
        verdict=already
        if [[ $state != online ]] || { [[ -n $before ]] && routes "$answer"; }; then
            printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$status" already "$live" "${before:-- -}"
            return
        fi
    fi
    local start=yes
    [[ $state == disabled && ! -e $flip ]] && start=no
    if [[ $start == yes ]]; then
        echo "$plan" >"$flip" || return
        svcadm disable -s "$fmri" || return
    fi
    if [[ $live != "$want" ]]; then
        if [[ -n $live ]]; then
            mv "$ring" "$ring.reshard-$live" || return
        else
            rm -rf "$ring"
        fi
        mv "$ring.reshard-$want" "$ring" || return
    fi
    answer='- -'
    if [[ $start == yes ]]; then
        svcadm enable -s "$fmri" || return
        deadline=$((SECONDS + patience))
        until answer=$(status_of "$status") && answer=$(process_of "$answer") && [[ $answer != "$before" ]]; do
            if ((SECONDS >= deadline)); then
                echo "$name does not answer at http://$ip:$status/status $patience s after it was started" >&2
                return 1
            fi
            sleep 0.05
        done
        rm -f "$flip" || return
    fi
    printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$status" "$verdict" "${live:-none}" "$answer"
}

begin || return
rows=$(describe) || return
[[ -n $rows ]] || refuse "the zone $(zonename) has no SMF instance of electric-moray" "$remedy"
code=0
for turn in check flip; do
    while IFS='|' read -r name state status ring live _; do
        set -- "svc:/smartdc/application/electric-moray:$name" "$ring" "$live" "$state" "$status"
        if [[ $back != yes ]]; then
            # Forward, all are checked before the first is stopped, and nothing is touched after a failure.
            "$turn" "$@" </dev/null || return
        elif [[ $turn == flip ]]; then
            # Back, each gets its ring whatever is with the others.
            (check "$@") && flip "$@" </dev/null || code=$?
        fi
    done < <(tr '\t' '|' <<<"$rows")
done
return "$code"
