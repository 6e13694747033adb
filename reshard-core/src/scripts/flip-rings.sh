# Puts another ring in place, one SMF instance after the other: each is stopped, the live ring put aside, the other one put
# in its place, and the instance started.
#   $want      the image whose ring is to be in place
#   $from      images whose rings may be in place now
#   $proper    the image whose ring should be where there is another one
#   $back      `yes` to go back: instances that do not run get their ring too
#   $shards    shards that the instance must have in its configuration as writable, or it is restarted
#   $strange   shards that the instance must not have in its configuration, or it is restarted
#   $ip        the zone's address
#   $patience  how many seconds an instance may take to answer after its start
# For each instance one line: its name, the port of its status, `already` or `flipped`, the image before, and its process
# and when that began as its status tells, or two dashes if it does not run.
status_of() {
    curl -s -f -m 5 "http://$ip:$1/status"
}

# What tells one process from the next: its number and when it began.
process_of() {
    local pid='"pid"[[:space:]]*:[[:space:]]*([0-9]+)' began='"start_time"[[:space:]]*:[[:space:]]*"([^"]+)"' number
    [[ $1 =~ $pid ]] || return
    number=${BASH_REMATCH[1]}
    [[ $1 =~ $began ]] && echo "$number ${BASH_REMATCH[1]}"
}

# Whether a process routes writes to all the shards, and does not know those that it shall not.
routes() {
    local writable='' known=' ' host flag shard
    while read -r host flag; do
        known+="$host "
        [[ $flag == true ]] || writable+=" $host "
    done < <(json index_shards <<<"$1" | json -a host readOnly)
    for shard in $shards; do
        [[ $writable == *" $shard "* ]] || return
    done
    for shard in $strange; do
        [[ $known != *" $shard "* ]] || return
    done
}

remedy="see \`svcs -x\` in the zone; \`svcadm clear\` or \`svcadm enable\` it, or remove the zone; then {resume}"

# Everything that can be known to be in the way, before anything is touched.
check() {
    local name=$1 ring=${rings[$1]} state=${states[$1]} live found
    live=$(image_of "$ring")
    if [[ -e $ring.reshard-flip ]]; then
        [[ -n $live || -f $ring.reshard-$want/CURRENT ]] || exit 66
    elif [[ $state != online && $back != yes ]]; then
        refuse "$name is $state in the zone $(zonename)" "$remedy"
    fi
    [[ $live != "$want" ]] || return 0
    if [[ -n $live && " $from " != *" $live "* ]]; then
        # Back, it is enough that none of the plan's rings is in place.
        [[ $back == yes ]] && return
        found="the ring in $ring of the zone $(zonename) is of the image $live, and not of $want or one of: $from"
        if [[ $live == "$proper" ]]; then
            refuse "$found: was the zone reprovisioned, or is it new?" \
                "see that nobody changes electric-moray zones, then {resume}, which begins the write block anew"
        fi
        refuse "$found" "find out who installed it; put the ring of $proper back and restart $name; then {resume}"
    fi
    [[ -f $ring.reshard-$want/CURRENT ]] || exit 66
    if [[ -n $live && -e $ring.reshard-$live ]]; then
        refuse "there is a $ring.reshard-$live in the zone $(zonename) already, though that ring is in place" \
            "find out what it is, and move it away; then {resume}"
    fi
}

# Always fails. Forward, to go on trying would keep writes refused.
not_started() {
    if [[ $back == yes ]]; then
        echo "$name in the zone $(zonename) did not start with the ring $want: $1" >&2
        return 1
    fi
    refuse "$name in the zone $(zonename) did not start with the ring $want: $1" \
        "see its log (\`svcs -L $name\` in the zone); {resume} tries again"
}

flip() {
    local name=$1 ring=${rings[$1]} state=${states[$1]} status=${statuses[$1]} fmri=${routers%:*}:$1
    local flip=$ring.reshard-flip want=$want live said answer before='' deadline try verdict=flipped
    live=$(image_of "$ring")
    # A ring that is not the plan's, which only the way back meets, stays.
    [[ -n $live && " $want $from " != *" $live "* ]] && want=$live
    answer=$(status_of "$status") && before=$(process_of "$answer")
    if [[ $live == "$want" && ! -e $flip ]]; then
        if [[ $state != online ]] || { [[ -n $before ]] && routes "$answer"; }; then
            printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$status" already "$live" "${before:-- -}"
            return
        fi
    fi
    local start=yes
    [[ $state == disabled && ! -e $flip ]] && start=no
    if [[ $start == yes ]]; then
        # The directory may be another user's, who must not have a link followed.
        [[ -f $flip && ! -L $flip ]] || { rm -f "$flip" && (set -C && echo "$plan" >"$flip"); } || return
        svcadm disable -s "$fmri" || return
    fi
    if [[ $live != "$want" ]]; then
        if [[ -n $live ]]; then
            mv "$ring" "$ring.reshard-$live" || return
        else
            # An instance that is started without its ring makes such a directory.
            rm -rf "$ring"
        fi
        mv "$ring.reshard-$want" "$ring" || return
    fi
    answer='- -'
    if [[ $start == yes ]]; then
        said=$(svcadm enable -s "$fmri" 2>&1) || not_started "${said%%$'\n'*}" || return
        deadline=$((SECONDS + patience))
        for ((try = 1; ; try++)); do
            answer=$(status_of "$status") && answer=$(process_of "$answer") && [[ $answer != "$before" ]] && break
            if ((try % 20 == 0)) && [[ $(svcs -Ho state "$fmri") == maintenance ]]; then
                not_started "it is in maintenance" || return
            elif ((SECONDS >= deadline)); then
                not_started "no answer at http://$ip:$status/status within $patience s" || return
            fi
            sleep 0.05
        done
        rm -f "$flip" || return
    fi
    printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$status" "$verdict" "${live:-none}" "$answer"
}

begin && read_instances || return
if [[ ${#instances[@]} == 0 ]]; then
    refuse "the zone $(zonename) has no SMF instance of electric-moray" "$remedy"
fi
if [[ $back == yes ]]; then
    # Each gets its ring whatever is with the others.
    code=0
    for name in "${instances[@]}"; do
        (check "$name") && flip "$name" || code=$?
    done
    return "$code"
fi
# All are checked before the first is stopped, and nothing is touched after a failure.
for turn in check flip; do
    for name in "${instances[@]}"; do
        "$turn" "$name" || return
    done
done
