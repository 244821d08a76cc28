# shellcheck shell=bash
# For scripts: installs Debian packages whose programs are missing, and says so.

# need PROGRAM PACKAGE [PROGRAM PACKAGE]...
need() {
    local missing=()
    while [ $# -gt 1 ]; do
        PATH=$PATH:/usr/sbin command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    echo "installing ${missing[*]}" >&2
    if [ "$(id -u)" != 0 ]; then
        echo "this takes root: apt-get install ${missing[*]}" >&2
        return 69
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}
