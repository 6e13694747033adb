#!/bin/bash
# Runs in a server's global zone: the script in RESHARD_SCRIPT is run in a zone.
#   usage: enter-zone.sh ZONE NAME
# The name is what the zone's `ps` shows of it.
set -u
exec zlogin -Q "$1" /bin/bash -l -s "$2" <<<"$RESHARD_SCRIPT"
