#!/bin/bash
# Runs in a server's global zone: the script in RESHARD_SCRIPT is run in a zone.
#   usage: enter-zone.sh ZONE
set -u
exec zlogin -Q "$1" /bin/bash -l <<<"$RESHARD_SCRIPT"
