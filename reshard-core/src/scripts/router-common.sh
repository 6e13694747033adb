# Before every script that has to do with the rings of an electric-moray zone, behind newest-command.sh.
#   $plan, $issue   the plan, and the number of this command in it
#   $unstamped      the image that a ring without a stamp came from; empty if there is none such
#
# The ring of an SMF instance is in the directory RING that its property names. Beside it are
#   RING.reshard-IMAGE   the ring of an image that is to be put in place, or that was put aside
#   RING.reshard-flip    from before the instance is stopped for a change of rings until it runs again
# Status 65 with "what <tab> remedy" is for the operator, who is told in the remedy what {resume} and {abort} are; 66 says that a ring has to be brought here first; all else may pass.

refuse() {
    printf '%s\t%s\n' "$1" "$2" >&2
    exit 65
}

# The newest command of a plan is the one that is obeyed: it ends what an executor that died or gave up has left running, and
# what comes late is refused. So two never rename the same directories.
begin() {
    local me=$BASHPID try number of
    own_directory 2>/dev/null ||
        refuse "$own in the zone $(zonename) is not a directory that only root can enter" \
            "see what is in it, then \`zlogin $(zonename) rm -rf $own\` and {resume}"
    # The names as they are now; a directory that is empty goes too.
    # shellcheck disable=SC2064
    trap "rm -f '$lock.$me'" EXIT
    rm -rf "$lock.$me" && echo "$me $issue $plan" >"$lock.$me" || return
    for ((try = 0; ; try++)); do
        # A directory would take the link in.
        [[ -d $lock ]] || ! ln "$lock.$me" "$lock" 2>/dev/null || break
        if ((try == 30)); then
            refuse "$lock in the zone $(zonename) cannot be taken: $(ls -ld "$lock")" \
                "see what made it; when nothing needs it, \`zlogin $(zonename) rm -rf $lock\` and {resume}"
        fi
        take_lock_away
        sleep 0.1
    done
    # shellcheck disable=SC2064
    trap "rm -f '$lock.$me' '$lock'; rmdir '$own' 2>/dev/null" EXIT
    if read -r number of 2>/dev/null <"$seen"; then
        not_late "$number" "$of"
    fi
    echo "$issue $plan" >"$seen.new" && mv "$seen.new" "$seen"
}

# Takes the lock away from an older command, which is ended, or from one that does not run any more.
take_lock_away() {
    local held pid number of
    [[ -f $lock && ! -L $lock ]] && held=$(cat "$lock" 2>/dev/null) || return
    read -r pid number of <<<"$held"
    if runs "$pid" "$number" "$of"; then
        not_late "$number" "$of"
        kill -TERM -- "-$pid" 2>/dev/null
        sleep 0.2
        if runs "$pid" "$number" "$of"; then
            # It may still be at work: the lock is looked at again.
            kill -KILL -- "-$pid" 2>/dev/null
            return
        fi
    fi
    # Another command may have taken it meanwhile.
    [[ $(cat "$lock" 2>/dev/null) == "$held" ]] && rm -f "$lock"
}

not_late() {
    if [[ $2 == "$plan" ]] && (($1 > issue)); then
        refuse "command $issue of the plan came after command $1" \
            "see whether the plan is carried out from another copy of its file; if not, \`zlogin $(zonename) rm -f $seen\` and {resume}"
    fi
}

routers='svc:/smartdc/application/electric-moray:electric-moray-*'

# Reads what SMF knows of the instances, which takes few commands, for each costs time while writes are refused:
# `instances` are their names, ascending; `states`, `rings` and `statuses` are by name.
instances=()
declare -A states=() rings=() statuses=()
read_instances() {
    local try listed state fmri property value
    # Until SMF is busy with none of them.
    for ((try = 0; try < 100; try++)); do
        listed=$(svcs -Ho state,fmri "$routers") || return
        [[ $listed == *\** ]] || break
        sleep 0.1
    done
    while read -r state fmri; do
        states[${fmri##*:}]=$state
    done <<<"$listed"
    while read -r property _ value; do
        fmri=${property%%/:properties/*}
        case $property in
        */ring-location) rings[${fmri##*:}]=$value ;;
        */status) statuses[${fmri##*:}]=$value ;;
        esac
    done < <(svcprop -f -p electric-moray/ring-location -p electric-moray/status "$routers")
    mapfile -t instances < <(printf '%s\n' "${!states[@]}" | sort)
    for fmri in "${instances[@]}"; do
        if [[ ${rings[$fmri]-} != /?* || -z ${statuses[$fmri]-} ]]; then
            echo "SMF does not tell the ring and the status of $fmri" >&2
            return 1
        fi
    done
}

# The image of the ring in a directory; nothing if there is no ring.
image_of() {
    local stamp pattern='"image_uuid"[[:space:]]*:[[:space:]]*"([^"]*)"'
    if [[ -f $1/manta_hash_ring_stamp.json ]]; then
        stamp=$(<"$1/manta_hash_ring_stamp.json")
        if [[ $stamp =~ $pattern ]]; then
            echo "${BASH_REMATCH[1]}"
        else
            echo unreadable
        fi
    elif [[ -f $1/CURRENT ]]; then
        echo "${unstamped:-unstamped}"
    fi
}

# One line for each instance: its name, its state, the port of its status, its ring's directory, the image of the ring,
# whether it was left in the middle of a change, and the images of the rings beside it.
describe() {
    local name ring aside beside flip
    for name in "${instances[@]}"; do
        ring=${rings[$name]}
        beside=
        for aside in "$ring".reshard-*; do
            [[ -f $aside/CURRENT && $aside != *.part ]] && beside+="${beside:+,}${aside##*.reshard-}"
        done
        flip=no
        [[ -e $ring.reshard-flip ]] && flip=yes
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
            "$name" "${states[$name]}" "${statuses[$name]}" "$ring" "$(image_of "$ring")" "$flip" "$beside"
    done
}
