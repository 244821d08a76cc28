# shellcheck shell=bash
is_cut() { [[ ! $(cat "/sys/class/net/$(veth_of "$1")/flags" 2>/dev/null) =~ [13579bdf]$ ]]; }
