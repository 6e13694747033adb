# Prints the processes of dumps that run in a postgres zone: nothing if there are none.
# ptree tells them all; the brackets keep the search from finding itself.
# shellcheck shell=bash
processes=$(ptree) || return
grep -E '[p]g_(custom_)?dump\.sh' <<<"$processes"
return 0
