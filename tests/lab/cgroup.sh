# shellcheck shell=bash
# The cgroup of a host, on a machine whose first process is not systemd (else systemd-run makes a scope).
# Only the hierarchies that systemd tracks units with are used; the machine's resource controllers are left as they are.

cgroup_roots() {
    local d
    if [[ -e /sys/fs/cgroup/cgroup.procs ]]; then echo /sys/fs/cgroup; return; fi
    for d in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        if [[ -e $d/cgroup.procs ]]; then echo "$d"; fi
    done
}

host_cgroup() { echo "comuni-lab$LAB/$1"; }

# Moves the calling process into the group of a host.
enter_cgroup() {
    local root
    if [[ $RUN_BY_SYSTEMD == yes ]]; then return; fi
    for root in $(cgroup_roots); do
        mkdir -p "$root/$(host_cgroup "$1")"
        echo "$BASHPID" >"$root/$(host_cgroup "$1")/cgroup.procs" || true
    done
}

# Ends what is left in it and removes it. `empty_cgroup .` does that for the whole lab.
empty_cgroup() {
    local root group pid
    for root in $(cgroup_roots); do
        group=$root/comuni-lab$LAB
        if [[ $1 != . ]]; then group+=/$1; fi
        if [[ ! -d $group ]]; then continue; fi
        find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | while read -r pid; do
            if ((pid > 1)); then kill -KILL "$pid" 2>/dev/null || true; wait_gone "$pid" 20 || true; fi
        done
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}

# Moves the calling process beside the services of the host whose init is given, so that it counts as the host's.
enter_cgroup_of() {
    local id controllers path root group
    while IFS=: read -r id controllers path; do
        case $id:$controllers in
            0:) root=/sys/fs/cgroup; if [[ -d $root/unified ]]; then root+=/unified; fi ;;
            *:name=systemd) root=/sys/fs/cgroup/systemd ;;
            *) continue ;;
        esac
        group=$root${path%/init.scope}/lab.exec
        if mkdir -p "$group" 2>/dev/null; then echo "$BASHPID" >"$group/cgroup.procs" 2>/dev/null || true; fi
    done <"/proc/$1/cgroup"
}
