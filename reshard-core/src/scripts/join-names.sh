# Puts the zone into the name service.
# shellcheck shell=bash
svcadm enable registrar
