# Before every script that has to do with the rings of an electric-moray zone.
#   $plan, $issue   the plan, and the number of this command in it
#   $unstamped      the image that a ring without a stamp came from; empty if there is none such
#
# The ring of an SMF instance is in the directory RING that its property names. Beside it are
#   RING.reshard-IMAGE   the ring of an image that is to be put in place, or that was put aside
#   RING.reshard-flip    from before the instance is stopped for a change of rings until it runs again
# Status 65 with "what <tab> remedy" is for the operator, 66 says that a ring has to be brought here first; all else may pass.

refuse() {
    printf '%s\t%s\n' "$1" "$2" >&2
    exit 65
}

# The newest command of a plan is the one that is obeyed: it ends what an executor that died or gave up has left running, and
# what comes late is refused. So two never rename the same directories.
begin() {
    local lock=/var/tmp/reshard-rings.lock seen=/var/tmp/reshard-rings.seen me=$BASHPID pid number of
    echo "$me $issue $plan" >"$lock.$me" || return
    until ln "$lock.$me" "$lock" 2>/dev/null; do
        read -r pid number of 2>/dev/null <"$lock" || continue
        if [[ $(ps -o comm= -p "$pid") == *bash ]]; then
            not_late "$number" "$of"
            kill -TERM -- "-$pid" 2>/dev/null
            sleep 0.2
            kill -KILL -- "-$pid" 2>/dev/null
        fi
        rm -f "$lock"
    done
    # shellcheck disable=SC2064 # the names as they are now
    trap "rm -f '$lock' '$lock.$me'" EXIT
    if read -r number of 2>/dev/null <"$seen"; then
        not_late "$number" "$of"
    fi
    echo "$issue $plan" >"$seen.new" && mv "$seen.new" "$seen"
}

not_late() {
    if [[ $2 == "$plan" ]] && (($1 > issue)); then
        rm -f "/var/tmp/reshard-rings.lock.$BASHPID"
        refuse "command $issue of the plan came after command $1" "nothing: the newer command is obeyed"
    fi
}

instances() {
    svcs -Ho fmri 'svc:/smartdc/application/electric-moray:electric-moray-*' | sort
}

property() {
    svcprop -p "electric-moray/$2" "$1"
}

# The state of an instance when SMF is not busy with it any more.
state_of() {
    local state try
    for ((try = 0; try < 100; try++)); do
        state=$(svcs -Ho state "$1") || return
        [[ $state == *\** ]] || break
        sleep 0.1
    done
    echo "$state"
}

# The image of the ring in a directory; nothing if there is no ring.
image_of() {
    if [[ -f $1/manta_hash_ring_stamp.json ]]; then
        json -f "$1/manta_hash_ring_stamp.json" image_uuid
    elif [[ -f $1/CURRENT ]]; then
        echo "${unstamped:-unstamped}"
    fi
}

# One line for each instance: its name, its state, the port of its status, its ring's directory, the image of the ring,
# whether it was left in the middle of a change, and the images of the rings beside it.
describe() {
    local fmri ring status state aside beside flip
    for fmri in $(instances); do
        ring=$(property "$fmri" ring-location) && status=$(property "$fmri" status) || return
        state=$(state_of "$fmri") || return
        beside=
        for aside in "$ring".reshard-*; do
            [[ -f $aside/CURRENT && $aside != *.part ]] && beside+="${beside:+,}${aside##*.reshard-}"
        done
        flip=no
        [[ -e $ring.reshard-flip ]] && flip=yes
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${fmri##*:}" "$state" "$status" "$ring" "$(image_of "$ring")" "$flip" "$beside"
    done
}
