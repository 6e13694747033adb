# Stops the sitter of a peer, and PostgreSQL with it.
# shellcheck shell=bash
svcadm disable -s manatee-sitter || return
state=$(svcs -H -o state manatee-sitter) || return
if [[ $state != disabled ]]; then
    echo "manatee-sitter is $state and not disabled" >&2
    return 1
fi
