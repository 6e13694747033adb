# Behind own-directory.sh: of the commands of a plan in a zone, the newest is obeyed.
#   $lock   names the command that runs: its process, its number, its plan
#   $seen   names the newest command that there was
lock=$own/rings.lock seen=$own/rings.seen

# Whether a command runs. A process is known by what it was called with too, for its number may be another's by now.
runs() {
    [[ $1 =~ ^[0-9]+$ && $2 =~ ^[0-9]+$ && -n $3 ]] || return
    [[ " $(ps -o args= -p "$1" 2>/dev/null) " == *" reshard-$3-$2 "* ]]
}

# What has the lock: `free`; `runs PLAN NUMBER`; `left`: nothing that runs; `strange`: it is none.
who_has_the_lock() {
    local pid number of
    if [[ ! -e $lock && ! -L $lock ]]; then
        echo free
    elif [[ ! -f $lock || -L $lock ]]; then
        echo strange
    elif read -r pid number of <"$lock" && runs "$pid" "$number" "$of"; then
        echo runs "$of" "$number"
    else
        echo left
    fi
}
