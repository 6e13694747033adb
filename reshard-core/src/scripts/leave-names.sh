# Takes the zone out of the name service, until it is rebooted at the latest.
# shellcheck shell=bash
svcadm disable -st registrar
